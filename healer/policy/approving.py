"""Whether people have allowed a plan: this one, in time, by enough of them and not by who asked."""

from __future__ import annotations

from healer.policy.decision import Plan
from healer.policy.facts import ApprovalFact
from healer.policy.plan import is_intact


def objection_to(
    plan: Plan, approval: ApprovalFact | None, now: float, *, is_begun: bool = False
) -> str:
    """Why the plan may not be carried out at `now`, in a sentence; empty when it may.

    A plan that needs nobody needs no approval, but its hash and its time hold all the same. Once
    begun, time is over no more and the approval is `used`: a drain may take longer than is left.
    """
    if not is_intact(plan):
        return "The stored plan is not what was decided: its hash differs."
    if not is_begun and now >= plan.expires_at:
        return "The plan is older than it may be."
    if plan.approvals_needed == 0:
        return ""
    if approval is None:
        return "Nobody has been asked yet."
    if not is_intact(plan, approval.plan_hash):
        return "The approval is for another plan."
    if approval.state not in (("approved", "used") if is_begun else ("approved",)):
        return f"The approval is {approval.state}."
    if not is_begun and now >= approval.expires_at:
        return "The approval has expired."
    if approval.is_override:
        return ""
    have = len(set(approval.approvers) - {approval.requested_by, ""})
    if have < plan.approvals_needed:
        return f"{have} of {plan.approvals_needed} persons have approved."
    return ""
