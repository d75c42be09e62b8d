"""What an approval is decided on: who saw what and when, what else is out, what is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from django.db.models import Prefetch, QuerySet

from meshconsole.core.errors import NotFound
from meshconsole.healing.cases.approval_models import Approval, ApprovalVote
from meshconsole.healing.cases.approval_states import ApprovalState
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.states import COUNTED, OPEN
from meshconsole.healing.evidence.ejections import service_ejections
from meshconsole.healing.evidence.models import AnomalyReport
from meshconsole.inventory.models import Instance
from meshconsole.inventory.states import InstanceState

FILTERS = {"state": "state", "application": "app", "unit": "unit"}
CHART_SECONDS = 600
SLOTS = 40
REPORTS_LIMIT = 4000
REPORTERS_SHOWN = 12
EJECTIONS_LIMIT = 2000


class ReporterErrors(msgspec.Struct, frozen=True, kw_only=True):
    """What one reporter saw of the instance before the question was asked."""

    instance: str
    app: str
    unit: str
    failures: int
    requests: int
    errors: dict[str, int]
    """By class."""
    slots: tuple[int, ...]
    """Failures over time, SLOTS parts of CHART_SECONDS, the oldest first."""

    @property
    def ratio(self) -> float:
        """Failures of requests, 0 to 1."""
        return min(1.0, self.failures / self.requests) if self.requests else 0.0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a service or a unit, and what healing has taken of it."""

    name: str
    total: int
    serving: int
    """Now."""
    after: int
    """When this instance is out too."""


class OtherCase(msgspec.Struct, frozen=True, kw_only=True):
    """Another open case of the same service or unit."""

    id: int
    instance: str
    app: str
    unit: str
    state: str
    is_counted: bool
    """Does it use up budget?"""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of the service that callers leave out or give little, by their own word."""

    instance: str
    callers: int
    until: datetime
    """When the last of them tries it again."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that a person needs beside the plan."""

    reporters: list[ReporterErrors]
    reporter_count: int
    until: datetime
    """End of the chart's time."""
    service: Place
    unit: Place
    others: list[OtherCase]
    left_out: list[LeftOut]
    """This instance too, where callers leave it out already: then its removal costs nothing."""


def approval_list(picked: Mapping[str, str]) -> QuerySet[Approval]:
    """Approvals, newest first; `picked` is by the names of FILTERS."""
    columns = {FILTERS[name]: value for name, value in picked.items() if value and name in FILTERS}
    return _with_votes(Approval.objects.filter(**columns)).order_by("-id")


def approvals_pending(now: datetime) -> QuerySet[Approval]:
    """What waits for people now, the soonest to expire first."""
    waiting = Approval.objects.filter(state=ApprovalState.PENDING, expires_at__gt=now)
    return _with_votes(waiting).order_by("expires_at", "pk")


def approval_get(pk: int) -> Approval:
    """One approval with its votes and its case; NotFound."""
    found = _with_votes(Approval.objects.select_related("case")).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no approval {pk}.")
    return found


def evidence_of(approval: Approval, now: datetime) -> Evidence:
    """What speaks for it and what speaks against it; until it was decided, or now."""
    until = approval.decided_at or now
    reporters = _reporters(approval.instance, until)
    return Evidence(
        reporters=reporters[:REPORTERS_SHOWN],
        reporter_count=len(reporters),
        until=until,
        service=_place("application__name", approval.app, approval.instance),
        unit=_place("unit__name", approval.unit, approval.instance),
        others=_others(approval),
        left_out=_left_out(approval.app, now),
    )


def _with_votes(rows: QuerySet[Approval]) -> QuerySet[Approval]:
    return rows.prefetch_related(Prefetch("votes", ApprovalVote.objects.order_by("pk")))


def _reporters(instance: str, until: datetime) -> list[ReporterErrors]:
    since = until - timedelta(seconds=CHART_SECONDS)
    reports = AnomalyReport.objects.filter(
        subject_instance=instance,
        phase="failing",
        scope="instance",
        window_end__gt=since,
        window_end__lte=until,
    ).order_by("-id")[:REPORTS_LIMIT]
    by_reporter: dict[str, list[AnomalyReport]] = {}
    for report in reports:
        by_reporter.setdefault(report.reporter_instance, []).append(report)
    found = [_reporter(mine, since) for mine in by_reporter.values()]
    return sorted(found, key=lambda one: (-one.failures, one.instance))


def _reporter(reports: list[AnomalyReport], since: datetime) -> ReporterErrors:
    errors: dict[str, int] = {}
    slots = [0] * SLOTS
    for report in reports:
        for name, count in report.errors.items():
            errors[name] = errors.get(name, 0) + int(count)
        age = (report.window_end - since).total_seconds()
        slot = min(SLOTS - 1, int(age * SLOTS / CHART_SECONDS))
        slots[slot] += sum(int(count) for count in report.errors.values())
    first = reports[0]
    return ReporterErrors(
        instance=first.reporter_instance,
        app=first.reporter_app,
        unit=first.reporter_unit,
        failures=sum(errors.values()),
        requests=sum(report.n for report in reports),
        errors=dict(sorted(errors.items())),
        slots=tuple(slots),
    )


def _place(column: str, name: str, instance: str) -> Place:
    rows = dict(
        Instance.objects.open().filter(**{column: name}).values_list("instance_id", "state")
    )
    serving = {one for one, state in rows.items() if state == InstanceState.SERVING}
    return Place(name=name, total=len(rows), serving=len(serving), after=len(serving - {instance}))


def _left_out(application: str, now: datetime) -> list[LeftOut]:
    rows = service_ejections(application, now=now).filter(mode__in=["weight", "eject"])
    by_subject: dict[str, list[datetime]] = {}
    for subject, until in rows.values_list("subject_instance", "until")[:EJECTIONS_LIMIT]:
        by_subject.setdefault(subject, []).append(until)
    return [
        LeftOut(instance=subject, callers=len(ends), until=max(ends))
        for subject, ends in sorted(by_subject.items())
    ]


def _others(approval: Approval) -> list[OtherCase]:
    rows = HealingCase.objects.filter(state__in=OPEN).exclude(pk=approval.case_id)
    near = rows.filter(app=approval.app) | rows.filter(unit=approval.unit)
    return [
        OtherCase(
            id=row.pk,
            instance=row.instance,
            app=row.app,
            unit=row.unit,
            state=row.state,
            is_counted=row.state in COUNTED,
        )
        for row in near.distinct().order_by("-pk")[:20]
    ]
