"""How far an action reaches: small ones go by themselves, what is larger asks a person."""

from __future__ import annotations

from healer.policy.decision import Action, GateResult
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy

REACH: dict[Action, int] = {
    "restart_sidecar": 1,
    "restart_process": 2,
    "restart_host": 3,
    "remove": 4,
    "revert": 4,
}
"""Rung of each action; undoing a change reaches as far as a removal."""


def radius_gates(
    case: CaseFacts, mesh: MeshFacts, policy: Policy, action: Action
) -> list[GateResult]:
    """Capacity that it takes, how deep it goes, how much depends on it, and what load there is."""
    app = case.subject.app
    taken = 1 / max(1, case.n_serving) if case.is_serving and action != "revert" else 0.0
    limited = mesh.limited.get(app, 0.0)
    return [
        GateResult(
            name="blast_radius",
            ok=taken <= policy.auto_capacity_share,
            value=taken,
            bound=policy.auto_capacity_share,
            unit="ratio",
            reason=f"It takes {taken:.0%} of what serves {app}; more than "
            f"{policy.auto_capacity_share:.0%} asks a person.",
            hard=False,
        ),
        GateResult(
            name="action",
            ok=action != "remove" and REACH[action] <= policy.auto_rung_most,
            value=REACH[action],
            bound=policy.auto_rung_most,
            unit="count",
            reason=f"{action} is rung {REACH[action]}; above rung {policy.auto_rung_most} a person "
            "is asked, and always for a removal.",
            hard=False,
        ),
        GateResult(
            name="tier",
            ok=not case.subject.is_critical,
            value=1 if case.subject.is_critical else 0,
            bound=0,
            unit="flag",
            reason=f"{app} is critical." if case.subject.is_critical else f"{app} is not critical.",
            hard=False,
        ),
        GateResult(
            name="limiter",
            ok=limited < policy.limiter_share,
            value=limited,
            bound=policy.limiter_share,
            unit="ratio",
            reason=f"{limited:.0%} of {app} limit their load; from {policy.limiter_share:.0%} on "
            "it lacks capacity.",
            hard=True,
        ),
    ]


def approvals_needed(
    case: CaseFacts, gates: list[GateResult], policy: Policy, action: Action
) -> int:
    """Distinct persons who have to say yes; 0 when none of the gates asks for one."""
    if all(gate.ok or gate.hard for gate in gates):
        return 0
    needed = 1
    if action == "remove":
        needed = max(needed, policy.removal_approvals)
    if case.subject.is_critical:
        needed = max(needed, policy.critical_approvals)
    return needed
