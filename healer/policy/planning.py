"""From facts to a plan: which action, whom it needs, until when, bound by its hash."""

from __future__ import annotations

from healer.policy.changes import change_nearby
from healer.policy.decision import Action, Change, GateResult, Plan
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.gates import gates_of
from healer.policy.ladder import action_of, next_rung
from healer.policy.parameters import Policy
from healer.policy.plan import sealed
from healer.policy.radius import approvals_needed


def plan_for(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Plan | None:
    """What is to be done next, with every gate as it is now; None when the ladder has ended.

    Where a change was near, the plan is to undo it: the instance is its victim. A removal that a
    person asked for stays one.
    """
    rung = next_rung(case, policy)
    if rung is None:
        return None
    change = None if case.removal_asked_by else change_nearby(case, mesh, policy)
    action: Action = "revert" if change is not None else action_of(rung)
    return _plan(case, mesh, policy, now, action=action, rung=rung, change=change)


def plan_again(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float, plan: Plan) -> Plan:
    """The stored plan's action with the gates as they are now, whatever else would be planned."""
    return _plan(case, mesh, policy, now, action=plan.action, rung=plan.rung, change=plan.change)


def what_changed(plan: Plan, again: Plan | None) -> str:
    """What differs so much that an answer to `plan` is none to `again`; empty when nothing does.

    Newer evidence of the same fault is no difference; asking for more persons is one.
    """
    if again is None:
        return "the ladder has ended"
    if (plan.instance, plan.app, plan.unit) != (again.instance, again.app, again.unit):
        return "the instance is another one"
    if plan.action == "revert":
        return _other_change(plan, again)
    if (plan.action, plan.rung) != (again.action, again.rung):
        return f"it would now be {again.action} instead of {plan.action}"
    if again.approvals_needed > plan.approvals_needed:
        return f"it now needs {again.approvals_needed} approvals instead of {plan.approvals_needed}"
    return ""


def _other_change(plan: Plan, again: Plan) -> str:
    """A revert stays asked for while its change grows old; a newer change replaces it."""
    if again.change is None or plan.change is None or again.change.ref == plan.change.ref:
        return ""
    return f"{again.change.kind} {again.change.ref} is the newest change now"


def _plan(
    case: CaseFacts,
    mesh: MeshFacts,
    policy: Policy,
    now: float,
    *,
    action: Action,
    rung: int,
    change: Change | None,
) -> Plan:
    gates: tuple[GateResult, ...] = gates_of(case, mesh, policy, action)
    subject = case.subject
    return sealed(
        Plan(
            action=action,
            instance=subject.instance,
            app=subject.app,
            unit=subject.unit,
            rung=rung,
            evidence_version=case.evidence_version,
            gates=gates,
            expires_at=now + policy.approval_seconds,
            approvals_needed=approvals_needed(case, list(gates), policy, action),
            change=change,
        )
    )
