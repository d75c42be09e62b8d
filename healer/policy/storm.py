"""A storm: so many new cases at once that the cause is common, and hands are to be kept still."""

from __future__ import annotations

from collections.abc import Sequence

from healer.policy.decision import GateResult
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy


def storm_gates(case: CaseFacts, mesh: MeshFacts, policy: Policy) -> list[GateResult]:
    """New cases of the mesh, and of this service, against what is taken for coincidence.

    A storm is on until it has been quiet for `held_quiet_seconds`: the cases that it opened have
    cooled down by the time it has passed, and would all be acted on at once.
    """
    app = case.subject.app
    in_mesh = max(policy.storm_mesh_cases, policy.storm_mesh_share * mesh.n_instances)
    in_service = max(policy.storm_service_cases, policy.storm_service_share * case.n_instances)
    return [
        _gate("storm_mesh", "the mesh", _ages(mesh, ""), in_mesh, policy),
        _gate("storm_service", app, _ages(mesh, app), in_service, policy),
    ]


def last_over(ages: Sequence[float], bound: float, window: float) -> float | None:
    """How long ago more than `bound` of these ages (ascending) last lay within one window.

    0 means now, None means never as far as the ages go.
    """
    most = int(bound)
    for newest, oldest in zip(ages, ages[most:], strict=False):
        if oldest - newest < window:
            return max(0.0, oldest - window)
    return None


def _ages(mesh: MeshFacts, app: str) -> list[float]:
    return sorted(max(0.0, one.age_seconds) for one in mesh.openings if not app or one.app == app)


def _gate(name: str, where: str, ages: Sequence[float], bound: float, policy: Policy) -> GateResult:
    window, quiet = policy.storm_window_seconds, policy.held_quiet_seconds
    new = sum(age < window for age in ages)
    age = last_over(ages, bound, window)
    reason = f"{new} new cases of {where} in {window:g} s; more than {int(bound)} are a storm."
    ok = age is None or age >= quiet
    if age is not None and not ok:
        reason += (
            f" The last ended {age:.0f} s ago; {quiet:g} s of quiet are needed." if age else ""
        )
    return GateResult(
        name=name,
        ok=ok,
        value=new,
        bound=int(bound),
        unit="count",
        reason=reason,
        hard=True,
    )
