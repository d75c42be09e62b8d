"""Between quorum and action: gates, then a person where one is to be asked."""

from __future__ import annotations

from healer.policy.approving import objection_to
from healer.policy.confirming import held_by
from healer.policy.decision import Decision, GateResult, Plan
from healer.policy.facts import ApprovalFact, CaseFacts, MeshFacts
from healer.policy.gates import asking, forbidding
from healer.policy.parameters import Policy
from healer.policy.plan import is_intact
from healer.policy.planning import plan_for, what_changed
from healer.policy.scope import service_incident
from healer.policy.waiting import elapsed, is_quiet, move, no_case, stay


def gated(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Begin, ask, or say what stands in the way."""
    over = _over(case, mesh, policy, now)
    if over is not None:
        return over
    until = case.since + policy.gated_seconds
    plan = plan_for(case, mesh, policy, now)
    gates = () if plan is None else plan.gates
    causes = forbidding(gates)
    if plan is not None and not causes:
        if plan.approvals_needed:
            return move("approval_needed", _asked(plan, asking(gates)), gates=gates, plan=plan)
        return move(
            "auto_approved",
            f"Every gate lets {_words(plan)} pass without asking.",
            gates=gates,
            plan=plan,
        )
    why = _hindrance(plan, causes)
    if elapsed(case, now) >= policy.gated_seconds:
        minutes = policy.gated_seconds / 60
        return move("gated_too_long", f"Kept for {minutes:g} minutes. {why}", gates=gates)
    return stay(why, policy, now=now, until=until, gates=gates, plan=plan)


def awaiting_approval(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision:
    """Begin when people said yes and every gate still holds; never because nobody answered."""
    approval, plan = case.approval, case.plan
    if approval is not None and approval.state == "rejected":
        return move("rejected", f"Rejected by {approval.rejected_by}: {approval.reason}")
    over = _over(case, mesh, policy, now)
    if over is not None:
        return over
    if plan is None or not is_intact(plan, "" if approval is None else approval.plan_hash):
        return move("plan_changed", "What was asked is not what is planned: it is asked anew.")
    again = plan_for(case, mesh, policy, now)
    difference = what_changed(plan, again)
    if difference:
        return move("plan_changed", f"The plan changed: {difference}.")
    if _has_expired(plan, approval, now):
        return move("approval_expired", "Nobody decided in time: nothing is done by itself.")
    gates = () if again is None else again.gates
    return _answered(case, plan, policy, now, gates)


def _answered(
    case: CaseFacts, plan: Plan, policy: Policy, now: float, gates: tuple[GateResult, ...]
) -> Decision:
    approval = case.approval
    missing = objection_to(plan, approval, now)
    if missing:
        reason = f"A person decides about {_words(plan)}. {missing}"
        return stay(reason, policy, now=now, until=plan.expires_at, gates=gates)
    if plan.action == "revert":
        return stay(
            f"Approved: {_words(plan)}. The case ends when callers find the instance well.",
            policy,
            now=now,
            until=plan.expires_at,
            gates=gates,
        )
    causes = forbidding(gates)
    if causes:
        reason = f"Approved, but it waits. {causes[0].reason}"
        return stay(reason, policy, now=now, until=plan.expires_at, gates=gates)
    return move("approved", f"Approved: {_words(plan)}.", gates=gates, plan=plan)


def _over(case: CaseFacts, mesh: MeshFacts, policy: Policy, now: float) -> Decision | None:
    """What ends or holds it whatever was planned."""
    ended = no_case(case)
    if case.removal_asked_by:
        ended = ended if not case.is_known else None
        return ended or held_by(case, mesh, policy)
    if ended is not None:
        return ended
    if is_quiet(case, policy) and elapsed(case, now) >= policy.quiet_seconds:
        return move("evidence_gone", "Nobody sees it failing any more: nothing needs to be done.")
    incident = service_incident(case, mesh, policy)
    if incident:
        return move("service_wide", incident)
    return held_by(case, mesh, policy)


def _has_expired(plan: Plan, approval: ApprovalFact | None, now: float) -> bool:
    if approval is None:
        return now >= plan.expires_at
    is_over = approval.state in ("expired", "withdrawn")
    return is_over or now >= min(plan.expires_at, approval.expires_at)


def _hindrance(plan: Plan | None, causes: list[GateResult]) -> str:
    if plan is None:
        return "The ladder has ended: every rung that is allowed was tried."
    more = f" ({len(causes) - 1} more gates forbid it)" if len(causes) > 1 else ""
    words = _words(plan)
    return f"{words[0].upper()}{words[1:]} has to wait. {causes[0].reason}{more}"


def _asked(plan: Plan, questions: list[GateResult]) -> str:
    why = questions[0].reason if questions else "Policy asks for it."
    who = "A person decides" if plan.approvals_needed == 1 else "Two persons decide"
    return f"{who} about {_words(plan)}. {why}"


def _words(plan: Plan) -> str:
    if plan.change is not None:
        return f"reverting {plan.change.kind} {plan.change.ref}"
    what = plan.action.removeprefix("restart_")
    verb = "the removal" if plan.action == "remove" else f"the restart ({what})"
    return f"{verb} of {plan.instance}"
