"""What a person has said of acting at all: the mode, the kill switch, protected hours, a freeze."""

from __future__ import annotations

from collections.abc import Mapping

from healer.policy.decision import Action, GateResult
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy


def mode_gate(policy: Policy) -> GateResult:
    """May healing act here by itself, with a person, or only watch?"""
    reason = {
        "observe": "Healing only observes here: it says what it would do and does nothing.",
        "approve_all": "Healing asks a person for every action here.",
        "auto": "Healing may act by itself here.",
    }[policy.mode]
    return _flag("mode", reason, is_ok=policy.mode == "auto", is_hard=policy.mode == "observe")


def kill_switch_gate(case: CaseFacts, mesh: MeshFacts) -> GateResult:
    """Has nobody pulled the brake?"""
    reason = in_force(mesh.kill_switches, case.subject.app)
    said = "The kill switch is off." if reason is None else f"The kill switch is on: {reason}"
    return _flag("kill_switch", said, is_ok=reason is None, is_hard=True)


def calendar_gates(
    case: CaseFacts, mesh: MeshFacts, policy: Policy, action: Action
) -> list[GateResult]:
    """Is it a time in which nobody has to be asked?"""
    app = case.subject.app
    hours, freeze = in_force(mesh.protected, app), in_force(mesh.freezes, app)
    is_exempt = action == "restart_sidecar" and policy.is_sidecar_exempt
    said = "No protected hours now." if hours is None else f"Protected hours: {hours}"
    if hours is not None and is_exempt:
        said += " (restarts of a sidecar alone are exempt)"
    return [
        _flag("protected_hours", said, is_ok=hours is None or is_exempt),
        _flag(
            "freeze",
            "No freeze now." if freeze is None else f"Frozen: {freeze}",
            is_ok=freeze is None,
        ),
    ]


def in_force(reasons: Mapping[str, str], app: str) -> str | None:
    """The reason that holds for an application, its own first; None when none does."""
    return reasons.get(app, reasons.get(""))


def _flag(name: str, reason: str, *, is_ok: bool, is_hard: bool = False) -> GateResult:
    return GateResult(
        name=name,
        ok=is_ok,
        value=0 if is_ok else 1,
        bound=0,
        unit="flag",
        reason=reason,
        hard=is_hard,
    )
