"""Arithmetic of waits, and the decision to go on waiting; a clock set back makes none shorter."""

from __future__ import annotations

from healer.policy.decision import STAY, Decision, GateResult, Plan
from healer.policy.facts import CaseFacts
from healer.policy.parameters import Policy

_LEAST_SECONDS = 1.0


def elapsed(case: CaseFacts, now: float) -> float:
    """Seconds in the present state."""
    return max(0.0, now - case.since)


def is_quiet(case: CaseFacts, policy: Policy) -> bool:
    """Has there been no evidence of the fault for so long that it is gone?"""
    age = case.newest_evidence_age_seconds
    return age is None or age >= policy.quiet_seconds


def stay(
    reason: str,
    policy: Policy,
    *,
    now: float,
    until: float | None = None,
    gates: tuple[GateResult, ...] = (),
    plan: Plan | None = None,
    blamed: tuple[str, ...] = (),
) -> Decision:
    """Look again soon, and at `until` at the latest."""
    due = policy.recheck_seconds
    if until is not None:
        due = min(due, max(_LEAST_SECONDS, until - now))
    return Decision(
        event=STAY,
        reason=reason,
        due_seconds=due,
        until=until,
        gates=gates,
        plan=plan,
        blamed=blamed,
    )


def move(
    event: str,
    reason: str,
    *,
    gates: tuple[GateResult, ...] = (),
    plan: Plan | None = None,
    blamed: tuple[str, ...] = (),
) -> Decision:
    """Go over an edge now, and look at the new state at once."""
    return Decision(
        event=event, reason=reason, due_seconds=0.0, gates=gates, plan=plan, blamed=blamed
    )


def no_case(case: CaseFacts) -> Decision | None:
    """Dismissed: an instance that left, or that people work on."""
    instance = case.subject.instance
    if not case.is_known:
        return move("dismissed", f"{instance} is not in the inventory any more.")
    if case.in_maintenance:
        return move("dismissed", f"{instance} is in maintenance: {case.in_maintenance}")
    return None
