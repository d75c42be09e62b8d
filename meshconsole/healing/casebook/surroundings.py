"""What is around a case: who else of the service is out, who leaves whom out, what was changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import NoReverseMatch, reverse

from meshconsole.audit.models import AuditEntry
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.states import EXECUTING, OPEN
from meshconsole.healing.evidence.ejection_models import ActiveEjection
from meshconsole.healing.evidence.ejections import active_ejections, service_ejections
from meshconsole.inventory.models import Instance
from meshconsole.inventory.states import InstanceState

CHANGES_BEFORE = timedelta(minutes=10)
CHANGES_AFTER = timedelta(minutes=1)
CHANGES_LIMIT = 12
OUT_LIMIT = 50
EJECTIONS_LIMIT = 50
_LEFT_OUT = frozenset({"eject", "weight"})
_KINDS = ("route", "encryption", "application", "documents", "rollout", "authority", "unit")
"""Kinds of objects whose change may be felt by callers; see `audit_record`."""


@dataclass(frozen=True)
class Out:
    """Another instance of the service that takes no requests just now, or fewer."""

    instance: str
    unit: str
    why: list[str]
    """In words."""
    case: HealingCase | None


@dataclass(frozen=True)
class Change:
    """Something that somebody changed shortly before the case, or while it began."""

    at: datetime
    actor: str
    verb: str
    object: str
    url: str
    reason: str
    seconds_before: float
    """The case was opened so long after it; negative when before."""


@dataclass(frozen=True)
class Surroundings:
    """The service of the instance, and its neighbourhood in time."""

    total: int
    """Instances of the service that are not gone, the subject included."""
    left: int
    """Those that serve and that no caller leaves out."""
    is_subject_left: bool
    """Is the subject one of them?"""
    others_out: list[Out]
    ejections: list[ActiveEjection]
    """Of the subject, by caller."""
    changes: list[Change]
    subject: Instance | None = None
    callers_out: dict[str, int] = field(default_factory=dict)
    """How many callers leave an instance of the service out, by instance."""

    @property
    def ratio(self) -> float | None:
        """Capacity left, 0 to 1."""
        return self.left / self.total if self.total else None

    @property
    def shares(self) -> dict[str, int]:
        """Instances by look: those that take requests, the subject when it does not, others."""
        subject_out = int(not self.is_subject_left and self.subject is not None)
        rest = max(0, self.total - self.left - subject_out)
        return {"ok": self.left, "bad": subject_out, "warn": rest}

    @property
    def shares_label(self) -> str:
        """The same in words."""
        return f"{self.left} of {self.total} instances take requests and no caller leaves them out"

    @property
    def left_after(self) -> int:
        """What is left when the subject is taken out for an action."""
        return self.left - int(self.is_subject_left)


def surroundings_of(case: HealingCase, now: datetime) -> Surroundings:
    """Look around a case now."""
    rows = list(
        Instance.objects.open().named_parts().filter(application__name=case.app).order_by("pk")
    )
    callers = _callers_out(case.app, now)
    cases = {
        one.instance: one for one in HealingCase.objects.filter(app=case.app, state__in=list(OPEN))
    }
    left = {
        row.instance_id
        for row in rows
        if row.state == InstanceState.SERVING and not callers.get(row.instance_id)
    }
    others = [row for row in rows if row.instance_id != case.instance]
    out = [
        Out(row.instance_id, row.unit.name, why, cases.get(row.instance_id))
        for row in others
        if (why := _why_out(row, callers, cases))
    ]
    return Surroundings(
        total=len(rows),
        left=len(left),
        is_subject_left=case.instance in left,
        others_out=out[:OUT_LIMIT],
        ejections=list(active_ejections(case.instance, now=now)[:EJECTIONS_LIMIT]),
        changes=list(changes_near(case)),
        subject=next((row for row in rows if row.instance_id == case.instance), None),
        callers_out=callers,
    )


def changes_near(case: HealingCase) -> Iterator[Change]:
    """What was changed that this service may feel, newest first, from the audit trail."""
    kinds = Q()
    for kind in _KINDS:
        kinds |= Q(object__startswith=f"{kind}:")
    rows = AuditEntry.objects.filter(
        kinds,
        at__gte=case.opened_at - CHANGES_BEFORE,
        at__lte=case.opened_at + CHANGES_AFTER,
    ).order_by("-sequence")
    found = 0
    for row in rows[:200]:
        kind, _, name = row.object.partition(":")
        if kind in ("route", "encryption", "application") and name != case.app:
            continue
        found += 1
        if found > CHANGES_LIMIT:
            return
        yield Change(
            at=row.at,
            actor=row.actor,
            verb=row.verb,
            object=row.object,
            url=_url_of(kind, name),
            reason=row.reason,
            seconds_before=(case.opened_at - row.at).total_seconds(),
        )


def _callers_out(app: str, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in service_ejections(app, now=now):
        if row.mode in _LEFT_OUT and row.state != "returning":
            counts[row.subject_instance] = counts.get(row.subject_instance, 0) + 1
    return counts


def _why_out(row: Instance, callers: dict[str, int], cases: dict[str, HealingCase]) -> list[str]:
    why = []
    if row.state != InstanceState.SERVING:
        why.append(f"is {row.state}")
    if count := callers.get(row.instance_id):
        why.append(f"left out by {count} caller{'s' if count > 1 else ''}")
    case = cases.get(row.instance_id)
    if case is not None:
        why.append("being healed" if case.state in EXECUTING else "has an open case")
    return why


_PAGES = {
    "route": "steering:route",
    "rollout": "rollouts:rollout",
    "encryption": "encryption:application",
    "application": "front:application",
    "unit": "front:unit",
}


def _url_of(kind: str, name: str) -> str:
    """The page of a changed object; its audit rows when it has none of its own."""
    try:
        if kind in _PAGES and name:
            return reverse(_PAGES[kind], args=[name])
    except NoReverseMatch:
        pass
    return f"{reverse('audit:entries')}?text={name}"
