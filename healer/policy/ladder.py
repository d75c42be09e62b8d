"""Which rung is next: the sidecar, the process, the host, and last the instance itself goes."""

from __future__ import annotations

from healer.policy.decision import LADDER, Action
from healer.policy.facts import CaseFacts
from healer.policy.parameters import Policy

REMOVAL = len(LADDER)


def next_rung(case: CaseFacts, policy: Policy) -> int | None:
    """The rung to try next, 1 to 4; None when the ladder has ended.

    Each rung is tried once. What was restarted as often as it may be in a day is removed instead:
    a restart that has to be repeated is no cure.
    """
    if case.removal_asked_by:
        return REMOVAL
    rung = policy.ladder_start if case.rung == 0 else case.rung + 1
    if case.actions_24h >= policy.instance_actions_per_day:
        rung = max(rung, REMOVAL)
    return rung if rung <= max(policy.ladder_start, policy.ladder_end) else None


def action_of(rung: int) -> Action:
    """What a rung does."""
    return LADDER[rung - 1]
