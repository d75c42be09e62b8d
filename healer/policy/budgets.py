"""How much may be out of service by us at once, and how often: every bound holds after the action.

What waits for approval is counted, since it may begin at any moment. An instance that its callers
have ejected already serves nobody: acting on it takes no capacity away.
"""

from __future__ import annotations

import math

from healer.policy.decision import Action, GateResult
from healer.policy.facts import CaseFacts, MeshFacts, OutFact
from healer.policy.parameters import Policy


def budget_gates(
    case: CaseFacts, mesh: MeshFacts, policy: Policy, action: Action
) -> list[GateResult]:
    """Service, unit, mesh and instance, each with the decided action counted in."""
    others = [one for one in mesh.out if one.case != case.case]
    return [
        _service_out(case, others, policy),
        _service_healthy(case, others, policy, action),
        _unit_out(case, mesh, others, policy),
        _count("mesh_out", len(others) + 1, policy.mesh_out, "of the mesh out by us at once"),
        _count(
            "mesh_rate",
            mesh.actions_last_hour + len(others) + 1,
            policy.mesh_actions_per_hour,
            "actions in an hour",
        ),
        _instance_apart(case, policy),
        _instance_day(case, policy, action),
    ]


def service_out_bound(n_instances: int, policy: Policy) -> int:
    """How many of a service of this size we may have out at once."""
    return max(policy.service_out_least, _floor(policy.service_out_share * n_instances))


def healthy_bound(n_instances: int, policy: Policy) -> int:
    """How many of a service of this size must serve after an action."""
    return math.ceil(policy.service_healthy_share * n_instances - 1e-9)


def unit_out_bound(unit_instances: int, policy: Policy) -> int:
    """How many of a unit of this size we may have out at once: a small unit one, or none ever."""
    return max(1, min(policy.unit_out, _floor(policy.unit_out_share * unit_instances)))


def _service_out(case: CaseFacts, others: list[OutFact], policy: Policy) -> GateResult:
    app = case.subject.app
    out = sum(one.app == app for one in others) + 1
    return _count("service_out", out, service_out_bound(case.n_instances, policy), f"of {app} out")


def _service_healthy(
    case: CaseFacts, others: list[OutFact], policy: Policy, action: Action
) -> GateResult:
    app, n = case.subject.app, case.n_instances
    taken = case.is_serving and action != "revert"
    may_leave = sum(one.app == app and one.is_serving for one in others)
    left = max(0, case.n_serving - taken - may_leave)
    bound = healthy_bound(n, policy)
    is_small = n <= policy.service_small_instances
    reason = f"{left} of {n} of {app} would serve, {bound} must."
    if is_small:
        reason = f"{app} has {n} instances: a person decides, however many would serve ({left})."
    return GateResult(
        name="service_healthy",
        ok=left >= bound and not is_small,
        value=left,
        bound=bound,
        unit="count",
        reason=reason,
        hard=not is_small,
    )


def _unit_out(
    case: CaseFacts, mesh: MeshFacts, others: list[OutFact], policy: Policy
) -> GateResult:
    unit = case.subject.unit
    out = sum(one.unit == unit for one in others) + 1
    bound = unit_out_bound(mesh.unit_instances.get(unit, 0), policy)
    return _count("unit_out", out, bound, f"of unit {unit} out" if unit else "without a unit out")


def _instance_apart(case: CaseFacts, policy: Policy) -> GateResult:
    age, bound = case.last_action_age_seconds, policy.instance_apart_seconds
    ok = age is None or age >= bound
    reason = (
        "Nothing was done to it yet."
        if age is None
        else f"The last action was {max(0.0, age) / 60:.0f} minutes ago, {bound / 60:g} must pass."
    )
    return GateResult(
        name="instance_apart",
        ok=ok,
        value=age,
        bound=bound,
        unit="seconds",
        reason=reason,
        hard=True,
    )


def _instance_day(case: CaseFacts, policy: Policy, action: Action) -> GateResult:
    bound = policy.instance_actions_per_day
    restarts = case.actions_24h + (action not in ("remove", "revert"))
    reason = f"{restarts} restarts of it in a day, {bound} are allowed; the next is a removal."
    return GateResult(
        name="instance_day",
        ok=restarts <= bound or action in ("remove", "revert"),
        value=restarts,
        bound=bound,
        unit="count",
        reason=reason,
        hard=True,
    )


def _count(name: str, value: int, bound: int, what: str) -> GateResult:
    return GateResult(
        name=name,
        ok=value <= bound,
        value=value,
        bound=bound,
        unit="count",
        reason=f"It would be {value} {what}; {bound} may be.",
        hard=True,
    )


def _floor(value: float) -> int:
    return math.floor(value + 1e-9)
