"""One round of casework: cases that are due are looked at once, each by whoever claims it.

A look gathers facts, lets the hands do what belongs to the present state, asks the policy, and
writes its answer. Whatever spends from a budget is decided again while the fence is held: rows that
another scheduler has committed meanwhile are counted then, and neither spends what the other has.
"""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec
from django.db import transaction

from healer.casework import draining, executing, probing, verifying
from healer.casework.applying import SPENDING, Settled, applied
from healer.casework.gathering import case_facts
from healer.casework.hands import Hands, Threads
from healer.casework.holding import claimed, due, let_go
from healer.casework.meshwide import mesh_facts
from healer.casework.progress import step_of
from healer.casework.terms import terms_of
from healer.policy.deciding import decide
from healer.policy.decision import STAY, Decision
from healer.policy.parameters import Policy
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.openings import cases_catch_up
from meshconsole.healing.cases.services import Lost, fence_raise
from meshconsole.healing.cases.states import CaseEvent, CaseState

logger = logging.getLogger(__name__)

LOOKS = 50
"""Cases looked at in one round; the longest overdue come first."""
_hands: Hands = Threads()


def advance(now: datetime, hands: Hands | None = None) -> int:
    """Open what evidence asks for, and look at what is due; returns how many cases moved."""
    moved = cases_catch_up(now=now)
    for pk in due(now, LOOKS):
        moved += look(pk, now, hands or _hands)
    return moved


def look(pk: int, now: datetime, hands: Hands) -> bool:
    """One look at one case; False when it stays as it is, or somebody else looks."""
    case = claimed(pk, now)
    if case is None:
        return False
    try:
        policy, _ = terms_of(case.app)
        _work(case, policy, now, hands)
        event = _settled(case, now)
    except Lost:
        return False
    except Exception:
        let_go(case)
        raise
    if event == CaseEvent.DRAINED:
        step = step_of(case)
        if step is not None:
            hands.do(f"execute {step.pk}", lambda: executing.work(step.pk, is_begun_now=True))
    return event != STAY


def _work(case: HealingCase, policy: Policy, now: datetime, hands: Hands) -> None:
    """What the hands have to do in this state; nothing of it decides anything."""
    probing.look(case, now, hands)
    step = step_of(case)
    if step is None:
        return
    if case.state == CaseState.DRAINING:
        draining.look(case, step, now, hands)
    elif case.state == CaseState.ACTING:
        executing.look(step, now, hands)
    elif case.state == CaseState.VERIFYING:
        verifying.look(step, policy, hands)


def _settled(case: HealingCase, now: datetime) -> str:
    """Decide and write; what spends is decided again under the fence, on what is true then."""
    settled = _decided(case, now)
    if settled.decision.event not in SPENDING:
        return applied(settled)
    with transaction.atomic():
        fence = fence_raise()
        return applied(msgspec.structs.replace(_decided(case, now), fence=fence))


def _decided(case: HealingCase, now: datetime) -> Settled:
    policy, effective = terms_of(case.app)
    facts = case_facts(case, policy=policy, effective=effective, now=now)
    mesh = mesh_facts(now, change_seconds=policy.change_seconds)
    decision = decide(facts, mesh, policy, now.timestamp())
    return Settled(
        case=case,
        facts=facts,
        decision=_by_hand(case, decision) or decision,
        effective=effective,
        now=now,
    )


def _by_hand(case: HealingCase, decision: Decision) -> Decision | None:
    """What a person has said, or an actuator cannot do, goes before what would be decided."""
    if case.state == CaseState.DRAINING:
        step = step_of(case)
        refusal = draining.refusal_of(step)
        if case.held_by:
            reason = f"{case.held_by} holds it: the instance returns."
            return Decision(event=CaseEvent.HELD, reason=reason, due_seconds=0)
        if refusal:
            return Decision(event=CaseEvent.ACT_FAILED, reason=refusal, due_seconds=0)
        if decision.event == CaseEvent.DRAINED and (step is None or step.unpublished_at is None):
            reason = "The actuator could not be asked before the drain's time was over."
            return Decision(event=CaseEvent.ACT_FAILED, reason=reason, due_seconds=0)
    if case.state == CaseState.HELD and case.held_by and decision.event == CaseEvent.RELEASED:
        reason = f"{case.held_by} holds it, and a person releases it."
        return msgspec.structs.replace(decision, event=STAY, reason=reason, due_seconds=60)
    return None
