"""What people do with a case: dismiss, hold, release, retry, ask for a removal, say what it was.

A person's word is a row; what follows from it is done by the healer's next look. Nothing here takes
an instance out of service, and nothing ends what an actuator has begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Conflict, FieldFault, Invalid, NotFound
from meshconsole.healing.cases.models import HealingCase, Mark
from meshconsole.healing.cases.services import (
    REASON_LIMIT,
    Lost,
    Subject,
    case_move,
    case_tell,
    cases_open,
    entry_add,
)
from meshconsole.healing.cases.states import TERMINAL, TRANSITIONS, CaseEvent, CaseState
from meshconsole.healing.cases.steps import instance_return_of
from meshconsole.inventory.models import Instance
from meshconsole.inventory.states import InstanceState

_S = CaseState


def case_dismiss(*, pk: int, actor: str, reason: str, now: datetime) -> HealingCase:
    """Nothing is to be done about it; the same reports open no other case for a while.

    An instance that was taken out of service for the case, and given up, is sent requests again.
    """
    _check_reason(reason)
    with _asked(pk, CaseEvent.DISMISSED, done={_S.DISMISSED}) as case:
        if case.state != _S.DISMISSED:
            instance_return_of(case, now=now, reason=reason, actor=actor)
            case_move(case, CaseEvent.DISMISSED, actor=actor, reason=reason, now=now)
    return case


def case_hold(*, pk: int, actor: str, reason: str, now: datetime) -> HealingCase:
    """Begin nothing new until a person releases it; an instance that drains returns first."""
    _check_reason(reason)
    with _asked(pk, CaseEvent.HELD, done={_S.HELD}) as case:
        if case.state in (_S.HELD, _S.DRAINING):
            case.held_by, case.due_at = actor[:150], now
            case.version += 1
            case.save(update_fields=["held_by", "due_at", "version"])
            _written_down(case, "hold_asked", actor=actor, reason=reason, now=now)
        else:
            case_move(
                case, CaseEvent.HELD, actor=actor, reason=reason, now=now, held_by=actor[:150]
            )
    return case


def case_release(*, pk: int, actor: str, reason: str, now: datetime) -> HealingCase:
    """Let go of what a person holds: the healer asks its callers anew, and holds on to it itself
    while a storm or a kill switch is on."""
    _check_reason(reason)
    with _asked(pk, CaseEvent.RELEASED) as case:
        case.held_by, case.due_at = "", now
        case.version += 1
        case.save(update_fields=["held_by", "due_at", "version"])
        _written_down(case, "release_asked", actor=actor, reason=reason, now=now)
    return case


def case_retry(*, pk: int, actor: str, reason: str, now: datetime) -> HealingCase:
    """Try once more what was given up: from the first rung, if its callers still say it fails."""
    _check_reason(reason)
    with _asked(pk, CaseEvent.RETRIED, done={_S.CONFIRMING}) as case:
        if case.state != _S.CONFIRMING:
            case_move(
                case, CaseEvent.RETRIED, actor=actor, reason=reason, now=now, rung=0, rounds=1
            )
    return case


def case_mark(*, pk: int, mark: str, actor: str, reason: str, now: datetime) -> HealingCase:
    """Say of a closed case whether it was right or a false alarm; the last word counts."""
    _check_reason(reason)
    if mark not in (Mark.RIGHT, Mark.FALSE_ALARM):
        _refuse("/mark", "A case is marked right or false_alarm.")
    with transaction.atomic():
        case = _locked(pk)
        if case.state not in TERMINAL:
            raise Conflict(
                f"The case is {case.state} yet: mark it when it is over.",
                code="case_open",
                current_state=shown(case),
            )
        if case.mark == mark:
            return case
        before, case.mark = case.mark, mark
        case.marked_by, case.marked_at, case.mark_reason = actor[:150], now, reason
        case.save(update_fields=["mark", "marked_by", "marked_at", "mark_reason"])
        _written_down(
            case, "case_marked", actor=actor, reason=reason, now=now,
            before={"mark": before}, after={"mark": mark},
        )  # fmt: skip
    return case


def removal_start(*, instance: str, actor: str, reason: str, now: datetime) -> HealingCase:
    """Ask that an instance is removed gracefully: by its open case, or by one opened for it.

    Two other people have to approve, and the gates have to let it pass, before anything is done.
    Raises NotFound for an instance that is not there, Conflict while something is done to it.
    """
    _check_reason(reason)
    row = Instance.objects.named_parts().filter(instance_id=instance).first()
    if row is None or row.state == InstanceState.GONE:
        raise NotFound(f"There is no instance {instance!r} that could be removed.")
    with transaction.atomic():
        cases_open(
            [
                Subject(
                    instance=instance,
                    app=row.application.name,
                    unit=row.unit.name,
                    address=row.address,
                )
            ],
            now=now,
            trigger="person",
            actor=actor,
            reason=reason,
            is_insistent=True,
        )
        found = HealingCase.objects.filter(instance=instance).order_by("-pk").first()
        if found is None:
            raise NotFound(f"There is no case of {instance!r}.")
        with _asked(found.pk, CaseEvent.REMOVAL_ASKED) as case:
            case_move(
                case, CaseEvent.REMOVAL_ASKED, actor=actor, reason=reason, now=now,
                asked_by=actor[:150], evidence_version=case.evidence_version + 1,
            )  # fmt: skip
    return case


def shown(case: HealingCase) -> dict[str, Any]:
    """A case's state as problems tell it."""
    return {
        "id": case.pk,
        "state": case.state,
        "version": case.version,
        "instance": case.instance,
        "note": case.note,
    }


@contextmanager
def _asked(
    pk: int, event: CaseEvent, done: frozenset[str] | set[str] = frozenset()
) -> Iterator[HealingCase]:
    """The case, locked, in a state that knows the event or has it behind it; raises Conflict."""
    with transaction.atomic():
        case = _locked(pk)
        if (case.state, event) not in TRANSITIONS and case.state not in done:
            raise Conflict(
                f"The case is {case.state.replace('_', ' ')}: {_WORDS[event]} is not possible.",
                code="case_state",
                current_state=shown(case),
            )
        try:
            yield case
        except Lost:
            raise Conflict(
                "The case has just been moved by somebody else: look again.", code="case_changed"
            ) from None


_WORDS: dict[str, str] = {
    CaseEvent.DISMISSED: "to dismiss it",
    CaseEvent.HELD: "to hold it",
    CaseEvent.RELEASED: "to release it",
    CaseEvent.RETRIED: "to retry it",
    CaseEvent.REMOVAL_ASKED: "to ask for a removal",
}


def _locked(pk: int) -> HealingCase:
    case = HealingCase.objects.select_for_update().filter(pk=pk).first()
    if case is None:
        raise NotFound(f"There is no case {pk}.")
    Instance.objects.select_for_update().filter(instance_id=case.instance).first()
    return case


def _written_down(
    case: HealingCase,
    verb: str,
    *,
    actor: str,
    reason: str,
    now: datetime,
    before: Any = None,
    after: Any = None,
) -> None:
    """Of a word that moves nothing by itself: its line, its audit row and its event."""
    entry_add(case, verb, actor=actor, reason=reason, now=now, data=after)
    audit_record(
        actor=actor, verb=verb, object=f"case:{case}", before=before, after=after, reason=reason
    )
    case_tell(case, verb)


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > REASON_LIMIT:
        _refuse("/reason", f"Say why, in at most {REASON_LIMIT} characters.")


def _refuse(pointer: str, sentence: str) -> None:
    raise Invalid(sentence, errors=[FieldFault(pointer=pointer, detail=sentence)])
