"""Opening a case and moving it, with all that belongs to a move: entry, audit, event, version."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from meshconsole.audit.services import audit_record
from meshconsole.core.crashpoints import written
from meshconsole.healing.cases.approvals import approval_withdraw
from meshconsole.healing.cases.models import CaseEntry, HealingCase, HealingFence
from meshconsole.healing.cases.states import OPEN, TERMINAL, TRANSITIONS, CaseEvent, CaseState
from meshconsole.live.publish import publish_on_commit
from meshconsole.transitions import fire, next_state

REASON_LIMIT = 500
HEALER = "healer"
REPORTERS = "sidecars"
QUIET_AFTER_DISMISSAL = timedelta(minutes=15)
"""What was dismissed is not opened again by the same reports for so long."""
_OUTCOMES: dict[str, str] = {
    CaseEvent.REJECTED: "rejected",
    CaseEvent.REPORTER_BLAMED: "reporter_blamed",
}
"""How a case ended, where the name of its last state does not say it."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The instance that a case is about, as inventory knows it."""

    instance: str
    app: str
    unit: str
    address: str = ""


class Spoken(Protocol):
    """Evidence that names its subject."""

    subject_instance: str
    subject_app: str
    subject_unit: str
    subject_address: str


class Lost(Exception):
    """Somebody else has moved the case since it was read; nothing is written."""


def cases_open(
    subjects: Iterable[Subject],
    *,
    now: datetime,
    trigger: str = "reports",
    actor: str = REPORTERS,
    reason: str = "Sidecars report that requests to it fail.",
    is_insistent: bool = False,
) -> list[HealingCase]:
    """Open a case for each instance that has none, inside the caller's transaction.

    Returns the new ones. Two of these at once open one case each: the database has one open case
    per instance. What was dismissed a short while ago stays so, unless a person insists.
    """
    wanted = {subject.instance: subject for subject in subjects}
    if not wanted:
        return []
    for taken in _taken(list(wanted), now, is_insistent=is_insistent):
        wanted.pop(taken, None)
    # Rows in one order and the audit's head last, as everybody takes them: else two that open the
    # same cases would wait for each other.
    made = (_opened(wanted[name], trigger=trigger, now=now) for name in sorted(wanted))
    opened = [case for case in made if case is not None]
    for case in opened:
        _tell_opened(case, actor=actor, reason=reason)
    return opened


def subject_of(evidence: Spoken) -> Subject:
    """Whom evidence speaks of."""
    return Subject(
        instance=evidence.subject_instance,
        app=evidence.subject_app,
        unit=evidence.subject_unit,
        address=evidence.subject_address,
    )


def case_move(
    case: HealingCase,
    event: CaseEvent | str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    due_at: datetime | None = None,
    data: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Fire an event on a case as it was read; raises Lost when somebody else was first.

    The move, its line in the timeline, its audit row and the browsers' event are one transaction.
    `due_at` is when the healer looks next, at once when it is not given; a closed case is never
    due. Raises IllegalTransition for an event that its state does not know.
    """
    before = case.state
    is_closed = next_state(TRANSITIONS, before, event) in TERMINAL
    reason = reason[:REASON_LIMIT]
    columns: dict[str, Any] = {
        "version": case.version + 1,
        "since": now,
        "judged_at": now,
        "note": reason,
        "due_at": None if is_closed else due_at or now,
        "closed_at": now if is_closed else None,
        "outcome": _OUTCOMES.get(event, TRANSITIONS[before, event]) if is_closed else "",
        "held_from": before if event == CaseEvent.HELD else "",
        "held_by": "",
        "until_at": None,
        "lease_owner": "",
        "lease_until": None,
    }
    with transaction.atomic():
        if before == CaseState.AWAITING_APPROVAL and event != CaseEvent.APPROVED:
            approval_withdraw(case, reason, now=now)
        moved = fire(
            case,
            TRANSITIONS,
            event,
            actor=actor[:150],
            reason=reason,
            expect={"version": case.version},
            **(columns | changes),
        )
        if not moved:
            raise Lost
        entry_add(case, event, actor=actor, reason=reason, now=now, before=before, data=data)
        written(f"case-{event}")


def entry_add(
    case: HealingCase,
    event: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    before: str = "",
    data: dict[str, Any] | None = None,
) -> CaseEntry:
    """One line of the timeline, for a move or for something else that a reader needs to know."""
    return CaseEntry.objects.create(
        case=case,
        at=now,
        actor=actor[:150],
        event=event,
        before=before or case.state,
        after=case.state,
        version=case.version,
        reason=reason[:REASON_LIMIT],
        data=data or {},
    )


def case_tell(case: HealingCase, kind: str) -> None:
    """Tell browsers of something that is no move."""
    publish_on_commit(
        topic="cases",
        kind=kind,
        ref=str(case),
        data={
            "state": case.state,
            "instance": case.instance,
            "application": case.app,
            "unit": case.unit,
        },
    )


def fence_raise() -> int:
    """Take the lock on budgets until the caller's transaction ends; returns a new fence.

    Whoever spends from a budget counts after this, so that two of them never count the same.
    """
    if not HealingFence.objects.filter(pk=1).update(number=F("number") + 1):
        HealingFence.objects.bulk_create([HealingFence(pk=1)], ignore_conflicts=True)
        HealingFence.objects.filter(pk=1).update(number=F("number") + 1)
    return HealingFence.objects.values_list("number", flat=True).get(pk=1)


def entries_take(*, now: datetime, limit: int = 100) -> list[CaseEntry]:
    """The oldest lines nobody was told of yet, marked as told in the caller's transaction.

    What is made of them belongs into that same transaction: then each is told once, also when two
    ask at once.
    """
    untold = CaseEntry.objects.filter(told_at__isnull=True).order_by("pk")
    locked = untold.select_for_update().select_related(None)
    taken = list(locked[:limit])
    CaseEntry.objects.filter(pk__in=[entry.pk for entry in taken]).update(told_at=now)
    return taken


def _taken(instances: list[str], now: datetime, *, is_insistent: bool) -> set[str]:
    """Which of these have an open case, or had one that was dismissed just now."""
    known = HealingCase.objects.filter(instance__in=instances)
    is_taken = Q(state__in=sorted(OPEN))
    if not is_insistent:
        is_taken |= Q(state=CaseState.DISMISSED, closed_at__gt=now - QUIET_AFTER_DISMISSAL)
    return set(known.filter(is_taken).values_list("instance", flat=True))


def _opened(subject: Subject, *, trigger: str, now: datetime) -> HealingCase | None:
    try:
        with transaction.atomic():
            return HealingCase.objects.create(
                instance=subject.instance,
                app=subject.app,
                unit=subject.unit,
                address=subject.address,
                trigger=trigger,
                since=now,
                opened_at=now,
                due_at=now,
                evidence_at=now if trigger == "reports" else None,
            )
    except IntegrityError:
        return None  # somebody else opened it in the same moment


def _tell_opened(case: HealingCase, *, actor: str, reason: str) -> None:
    audit_record(
        actor=actor,
        verb="case_opened",
        object=f"case:{case}",
        after={"state": case.state, "instance": case.instance, "application": case.app},
        reason=reason,
    )
    entry_add(case, "opened", actor=actor, reason=reason, now=case.opened_at)
    case_tell(case, "opened")
    written("case-opened")
