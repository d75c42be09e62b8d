"""Whether people have allowed a plan: this one, in time, by enough of them and not by who asked.

When a vote counts is `meshconsole.healing.cases.voting`, which the console asks as people vote. The
same rules are asked here again, of the plan that is about to be carried out.
"""

from __future__ import annotations

import math

from healer.policy.decision import Plan
from healer.policy.facts import ApprovalFact
from healer.policy.plan import is_intact
from meshconsole.healing.cases.voting import Ballot, Question, is_good

_OVERRIDE = "override"


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
    refusal = is_good(_question(plan, approval, is_begun=is_begun), plan.hash, now)
    return "" if refusal is None else refusal.detail


def _question(plan: Plan, approval: ApprovalFact, *, is_begun: bool) -> Question:
    """The approval as asked, with as many persons as the plan needs, whatever it says itself."""
    is_used = is_begun and approval.state == "used"
    return Question(
        state="approved" if is_used else approval.state,
        version=0,
        plan_hash=approval.plan_hash,
        needed=max(plan.approvals_needed, approval.needed),
        requester=approval.requested_by,
        expires_at=math.inf if is_begun else approval.expires_at,
        ballots=tuple(Ballot(user=name, decision="approve") for name in approval.approvers),
        overridden_by=_OVERRIDE if approval.is_override else "",
    )
