"""Cases and evidence of a period, read from rows: bounded, and nothing is decided here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Count, QuerySet

from healer.casework.changes import changes_since
from healer.policy.facts import CaseFacts, Subject
from healer.replay.detecting import Window
from healer.replay.rerunning import Around
from healer.replay.stories import Story, Word, step_reached
from meshconsole.healing.cases.models import CaseEntry, HealingCase, Remediation
from meshconsole.healing.models import AnomalyReport, Origin, Scope
from meshconsole.inventory.models import Instance

CASES_LIMIT = 300
REPORTS_LIMIT = 20_000
_BEFORE = timedelta(minutes=2)
"""Reports that a case was opened by are a little older than it."""


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """All that a replay starts from."""

    stories: tuple[Story, ...]
    words: tuple[Word, ...]
    windows: tuple[Window, ...]
    around: Around
    is_cut: bool
    """Was there more than the bounds let in?"""


def read(begins_at: datetime, ends_at: datetime, application: str, now: datetime) -> Read:
    """Cases opened in the period with what was said meanwhile of their services; `now` is the end
    of what can be known."""
    cases = list(_cases(begins_at, ends_at, application)[: CASES_LIMIT + 1])
    is_cut = len(cases) > CASES_LIMIT
    cases = cases[:CASES_LIMIT]
    until = max((case.closed_at or now for case in cases), default=ends_at)
    reports = list(_reports(begins_at - _BEFORE, until, application)[: REPORTS_LIMIT + 1])
    is_cut = is_cut or len(reports) > REPORTS_LIMIT
    reports = reports[:REPORTS_LIMIT]
    return Read(
        stories=tuple(_stories(cases, now)),
        words=tuple(_word(report) for report in reports),
        windows=tuple(
            _window(report)
            for report in reports
            if report.phase == "failing"
            and report.scope == Scope.INSTANCE
            and report.origin == Origin.SIDECAR
        ),
        around=_around(begins_at, until),
        is_cut=is_cut,
    )


def events_of(cases: Collection[int]) -> dict[int, list[tuple[float, str]]]:
    """Each case's timeline as (epoch seconds, event), in order."""
    events: dict[int, list[tuple[float, str]]] = defaultdict(list)
    told = CaseEntry.objects.filter(case__in=cases).order_by("pk")
    for pk, at, event in told.values_list("case_id", "at", "event"):
        events[pk].append((at.timestamp(), event))
    return events


def _cases(begins_at: datetime, ends_at: datetime, application: str) -> QuerySet[HealingCase]:
    rows = HealingCase.objects.filter(opened_at__gte=begins_at, opened_at__lt=ends_at)
    rows = rows.filter(app=application) if application else rows
    return rows.order_by("opened_at")


def _reports(begins_at: datetime, until: datetime, application: str) -> QuerySet[AnomalyReport]:
    rows = AnomalyReport.objects.filter(received_at__gte=begins_at, received_at__lte=until)
    rows = rows.filter(subject_app=application) if application else rows
    return rows.defer("samples", "interfaces").order_by("received_at", "pk")


def _stories(cases: list[HealingCase], now: datetime) -> list[Story]:
    events = events_of([case.pk for case in cases])
    stories = []
    for case in cases:
        opened_at = case.opened_at.timestamp()
        was, was_seconds = step_reached(events[case.pk], opened_at)
        stories.append(
            Story(
                case=case.pk,
                facts=_facts(case),
                opened_at=opened_at,
                ended_at=(case.closed_at or now).timestamp(),
                last_action_at=_last_action(case),
                mark=case.mark,
                was=was,
                was_seconds=was_seconds,
            )
        )
    return stories


def _facts(case: HealingCase) -> CaseFacts:
    """As the last look left them; a case nobody looked at yet is known by its names alone."""
    try:
        return msgspec.convert(case.facts, CaseFacts)
    except msgspec.ValidationError:
        subject = Subject(instance=case.instance, app=case.app, unit=case.unit)
        opened_at = case.opened_at.timestamp()
        return CaseFacts(case=str(case.pk), state=case.state, since=opened_at, subject=subject)


def _last_action(case: HealingCase) -> float | None:
    past = Remediation.objects.filter(instance=case.instance, started_at__lt=case.opened_at)
    last = past.order_by("-started_at").values_list("started_at", flat=True).first()
    return None if last is None else last.timestamp()


def _word(report: AnomalyReport) -> Word:
    ejection: dict[str, Any] = report.ejection or {}
    return Word(
        at=report.received_at.timestamp(),
        reporter=report.reporter_instance,
        reporter_app=report.reporter_app,
        reporter_unit=report.reporter_unit,
        instance=report.subject_instance if report.scope == Scope.INSTANCE else "",
        app=report.subject_app,
        is_failing=report.phase == "failing",
        is_external=report.origin != Origin.SIDECAR,
        renewed_until=float(ejection.get("until") or 0.0),
    )


def _window(report: AnomalyReport) -> Window:
    peers: dict[str, Any] = report.peers or {}
    return Window(
        app=report.subject_app,
        rule=report.rule,
        seconds=(report.window_end - report.window_start).total_seconds(),
        n=report.n,
        errors=dict(report.errors),
        peers_median=float(peers.get("median") or 0.0),
        was_ejected=report.ejection is not None,
    )


def _around(begins_at: datetime, until: datetime) -> Around:
    units = dict(
        Instance.objects.open().order_by().values_list("unit__name").annotate(n=Count("pk"))
    )
    span = (until - begins_at).total_seconds()
    return Around(
        n_instances=max(1, sum(units.values())),
        unit_instances=units,
        changes=tuple(
            (until.timestamp() - change.age_seconds, change)
            for change in changes_since(until, seconds=span)
        ),
    )
