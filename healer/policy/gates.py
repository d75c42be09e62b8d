"""Every gate of an action in one list: what holds, what does not, and what a person may allow.

A gate that is not ok and hard forbids; one that is not ok and not hard asks a person. All of them
are looked at each time, and in the same order, so that a page can draw them.
"""

from __future__ import annotations

from collections.abc import Iterable

from healer.policy.brakes import calendar_gates, kill_switch_gate, mode_gate
from healer.policy.budgets import budget_gates
from healer.policy.changes import change_gate
from healer.policy.decision import Action, GateResult
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy
from healer.policy.quorum import is_probed_failing, quorum
from healer.policy.radius import radius_gates
from healer.policy.storm import storm_gates

EVIDENCE = ("evidence", "quorum")
"""Gates of what callers say: they fall silent once nothing is sent to the instance any more."""
_NEVER = 10 * 365 * 86_400.0


def gates_of(
    case: CaseFacts, mesh: MeshFacts, policy: Policy, action: Action
) -> tuple[GateResult, ...]:
    """What each gate says of this action now."""
    return (
        mode_gate(policy),
        kill_switch_gate(case, mesh),
        _evidence(case, policy),
        _quorum(case, policy),
        *storm_gates(case, mesh, policy),
        *budget_gates(case, mesh, policy, action),
        change_gate(case, mesh, policy),
        *radius_gates(case, mesh, policy, action),
        *calendar_gates(case, mesh, policy, action),
    )


def forbidding(gates: Iterable[GateResult], *, but: Iterable[str] = ()) -> list[GateResult]:
    """Those that keep anything from being done, without the ones named in `but`."""
    spared = set(but)
    return [gate for gate in gates if not gate.ok and gate.hard and gate.name not in spared]


def asking(gates: Iterable[GateResult]) -> list[GateResult]:
    """Those that ask a person."""
    return [gate for gate in gates if not gate.ok and not gate.hard]


def _evidence(case: CaseFacts, policy: Policy) -> GateResult:
    age = case.newest_evidence_age_seconds
    bound = policy.evidence_seconds
    reason = (
        "There is no evidence."
        if age is None
        else f"The newest evidence is {max(0.0, age):.0f} s old, {bound:g} s it may be."
    )
    ok = age is not None and age <= bound
    if case.removal_asked_by:
        ok, reason = True, f"{case.removal_asked_by} asked for the removal."
    return GateResult(
        name="evidence",
        ok=ok,
        value=None if age is None else min(max(0.0, age), _NEVER),
        bound=bound,
        unit="seconds",
        reason=reason,
        hard=True,
    )


def _quorum(case: CaseFacts, policy: Policy) -> GateResult:
    vote = quorum(case, policy)
    ok, reason = vote.is_reached, vote.reason
    if case.removal_asked_by:
        ok, reason = True, f"{case.removal_asked_by} asked for the removal."
    elif not ok and case.rung > 0 and is_probed_failing(case, policy):
        # Confirmed by callers before the rung that failed; who sends it nothing says no more of it.
        ok, reason = True, "Callers confirmed it before, and the healer's own probe still fails."
    return GateResult(
        name="quorum",
        ok=ok,
        value=vote.credit,
        bound=vote.needed,
        unit="count",
        reason=reason,
        hard=True,
    )
