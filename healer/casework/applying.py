"""Writing a decision down: the move and what has to be true together with it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from healer.casework.holding import held, owner
from healer.casework.orders import obstacle_of, preview_of
from healer.casework.progress import step_of
from healer.policy.decision import STAY, Decision
from healer.policy.facts import CaseFacts
from meshconsole.healing.cases.approvals import approval_request, approval_use
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.services import (
    HEALER,
    REASON_LIMIT,
    Subject,
    case_move,
    case_tell,
    cases_open,
)
from meshconsole.healing.cases.states import EXECUTING, CaseEvent, CaseState
from meshconsole.healing.cases.steps import (
    instance_return_of,
    step_abandon,
    step_begin,
    step_plan,
)
from meshconsole.healing.guards.selectors import Effective
from meshconsole.inventory.models import Instance
from meshconsole.inventory.services import instances_gone

SPENDING = frozenset(
    {
        CaseEvent.APPROVAL_NEEDED,
        CaseEvent.AUTO_APPROVED,
        CaseEvent.APPROVED,
        CaseEvent.DRAINED,
    }
)
"""These use up budget or begin an action: they are decided again by whoever holds the fence."""
BUSY = timedelta(seconds=1)
"""How often at least a case is looked at while something is done to its instance."""
_BACK = frozenset({CaseEvent.PLAN_CHANGED, CaseEvent.EVIDENCE_GONE, CaseEvent.HELD})


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What was read and decided, to be written."""

    case: HealingCase
    facts: CaseFacts
    decision: Decision
    effective: Effective
    now: datetime
    fence: int = 0
    """Of whoever spends; 0 for others."""


def applied(settled: Settled) -> str:
    """Write it down; returns the event that came of it. Raises Lost."""
    decision = settled.decision
    case = settled.case
    if decision.event in (CaseEvent.APPROVAL_NEEDED, CaseEvent.AUTO_APPROVED):
        decision = _possible(settled)
    with held(case):
        _blame(settled, decision)
        if decision.event == STAY:
            _stay(settled, decision)
            return STAY
        refusal = _spent(settled, decision)
        if refusal:
            _stay(settled, msgspec.structs.replace(decision, event=STAY, reason=refusal))
            return STAY
        _before(settled, decision)
        case_move(
            case,
            decision.event,
            actor=HEALER,
            reason=decision.reason,
            now=settled.now,
            data=_data(decision),
            **_columns(settled, decision),
        )
        _after(settled, decision)
    return decision.event


def _possible(settled: Settled) -> Decision:
    """The same, unless nothing here could carry the plan out."""
    decision, plan = settled.decision, settled.decision.plan
    obstacle = None if plan is None else obstacle_of(plan, settled.effective)
    if plan is None or obstacle is None:
        return decision
    if obstacle.skips_rung:
        settled.case.rung = plan.rung
    return msgspec.structs.replace(
        decision,
        event=STAY,
        reason=obstacle.reason,
        gates=(*decision.gates, obstacle.gate()),
    )


def _stay(settled: Settled, decision: Decision) -> None:
    """Nothing happens: keep why, and when to look again."""
    case, now = settled.case, settled.now
    is_new = decision.reason[:REASON_LIMIT] != case.note
    seen_due = case.due_at
    soon = timedelta(seconds=decision.due_seconds)
    if case.state in EXECUTING:
        soon = min(soon, BUSY)
    columns: dict[str, Any] = {
        **_judged(settled, decision),
        "note": decision.reason[:REASON_LIMIT],
        "rung": case.rung,
        "until_at": _until(decision),
        "lease_owner": "",
        "lease_until": None,
    }
    if decision.plan is not None and case.state == CaseState.GATED:
        columns |= _planned(settled, decision)
    mine = HealingCase.objects.filter(pk=case.pk, version=case.version, lease_owner=owner())
    mine.update(**columns)
    # Whoever asked for a look meanwhile gets it.
    HealingCase.objects.filter(pk=case.pk, version=case.version, due_at=seen_due).update(
        due_at=now + soon
    )
    if is_new:
        case_tell(case, "looked")


def _spent(settled: Settled, decision: Decision) -> str:
    """Spend the approval where one is needed; why it is not good, or empty."""
    plan = decision.plan or settled.facts.plan
    if decision.event != CaseEvent.APPROVED or plan is None or not plan.approvals_needed:
        return ""
    refusal = approval_use(settled.case, plan.hash, now=settled.now)
    return "" if refusal is None else refusal.detail


def _before(settled: Settled, decision: Decision) -> None:
    """What goes before a move, in the order in which rows are locked."""
    case, now = settled.case, settled.now
    step = step_of(case)
    reason = decision.reason[:200]
    if case.state == CaseState.DRAINING and decision.event in _BACK:
        instance_return_of(case, now=now, reason=reason, actor=HEALER)
    if decision.event in (CaseEvent.VERIFIED, CaseEvent.WENT_QUIET):
        instance_return_of(case, now=now, reason=reason, actor=HEALER)
    if step is None:
        return
    if decision.event == CaseEvent.DRAINED:
        request = {**step.request, "address": _address(case)}
        step_begin(step, fence=settled.fence, owner=owner(), request=request, now=now)
    elif case.state == CaseState.DRAINING:
        step_abandon(step, now=now, detail=f"Not begun. {decision.reason}")
    elif decision.event == CaseEvent.ACT_FAILED:
        step_abandon(step, now=now, detail=decision.reason)


def _after(settled: Settled, decision: Decision) -> None:
    """What follows a move in the same transaction."""
    case, now = settled.case, settled.now
    plan = decision.plan or settled.facts.plan
    if decision.event == CaseEvent.APPROVAL_NEEDED and plan is not None:
        approval_request(
            case,
            msgspec.to_builtins(plan),
            plan.approvals_needed,
            datetime.fromtimestamp(plan.expires_at, UTC),
            now=now,
            reason=decision.reason,
        )
    elif case.state == CaseState.DRAINING and plan is not None:
        step_plan(
            case,
            plan=msgspec.to_builtins(plan),
            actuator=settled.effective.actuator,
            now=now,
        )
    elif decision.event == CaseEvent.REMOVED:
        instances_gone([case.instance], f"Removed by case {case}.", actor=HEALER)


def _columns(settled: Settled, decision: Decision) -> dict[str, Any]:
    case = settled.case
    columns = _judged(settled, decision) | {"until_at": _until(decision)}
    change = _CHANGES.get(decision.event)
    if change is not None:
        columns |= change(case)
    if decision.event in (CaseEvent.APPROVAL_NEEDED, CaseEvent.AUTO_APPROVED):
        columns |= _planned(settled, decision)
    if decision.event == CaseEvent.DRAINED and settled.facts.plan is not None:
        columns["rung"] = settled.facts.plan.rung
    if decision.event == CaseEvent.ACT_FAILED and settled.facts.plan is not None:
        columns["rung"] = settled.facts.plan.rung
    return columns


_CHANGES: dict[str, Callable[[HealingCase], dict[str, Any]]] = {
    CaseEvent.HELD: lambda case: {"held_by": case.held_by},
    CaseEvent.COOLED_DOWN: lambda case: {"rounds": case.rounds + 1},
    CaseEvent.RELEASED: lambda case: {"rounds": max(1, case.rounds)},
    CaseEvent.QUORUM_REACHED: lambda case: {"evidence_version": case.evidence_version + 1},
    CaseEvent.NEXT_RUNG: lambda case: {"evidence_version": case.evidence_version + 1},
}


def _judged(settled: Settled, decision: Decision) -> dict[str, Any]:
    """What every look leaves on the row, for whoever wants to know why."""
    facts, now = settled.facts, settled.now
    columns: dict[str, Any] = {
        "facts": msgspec.to_builtins(msgspec.structs.replace(facts, plan=None)),
        "callers": settled.case.callers,
        "judged_at": now,
    }
    if decision.gates:
        columns["gates"] = msgspec.to_builtins(decision.gates)
    if facts.newest_evidence_age_seconds is not None:
        columns["evidence_at"] = now - timedelta(seconds=facts.newest_evidence_age_seconds)
    return columns


def _planned(settled: Settled, decision: Decision) -> dict[str, Any]:
    plan = decision.plan
    if plan is None:
        return {}
    return {
        "plan": msgspec.to_builtins(plan),
        "plan_hash": plan.hash,
        "preview": preview_of(settled.case, plan, settled.effective),
    }


def _blame(settled: Settled, decision: Decision) -> None:
    """Whoever reports wrongly as it seems gets a case of its own."""
    if not decision.blamed:
        return
    rows = Instance.objects.open().named_parts().filter(instance_id__in=decision.blamed)
    cases_open(
        [
            Subject(
                instance=row.instance_id,
                app=row.application.name,
                unit=row.unit.name,
                address=row.address,
            )
            for row in rows
        ],
        now=settled.now,
        trigger="reporter",
        actor=HEALER,
        reason=f"It reports {settled.case.instance} and is in doubt itself.",
    )


def _until(decision: Decision) -> datetime | None:
    return None if decision.until is None else datetime.fromtimestamp(decision.until, UTC)


def _data(decision: Decision) -> dict[str, Any]:
    """What a line of the timeline keeps: the plan, and the gates that did not hold."""
    data: dict[str, Any] = {}
    if decision.plan is not None:
        data["plan"] = {
            "action": decision.plan.action,
            "rung": decision.plan.rung,
            "hash": decision.plan.hash,
            "approvals_needed": decision.plan.approvals_needed,
        }
    bad = [gate.name for gate in decision.gates if not gate.ok]
    if bad:
        data["gates"] = bad
    return data


def _address(case: HealingCase) -> str:
    row = Instance.objects.filter(instance_id=case.instance).values_list("address", flat=True)
    return row.first() or case.address
