"""What pages and the written report say of a case's states, events and gates, in people's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from meshconsole.healing.cases.states import CaseEvent, CaseState

_S, _E = CaseState, CaseEvent

WAITS: Mapping[str, str] = {
    _S.OBSERVED: "The healer takes it up at its next look.",
    _S.COOLING: "The mesh may mend itself before anybody touches the instance.",
    _S.CONFIRMING: "Enough of its callers, in more than one place, have to say the same.",
    _S.GATED: "An action is planned; something speaks against it just now.",
    _S.AWAITING_APPROVAL: "A person decides; without a decision it is escalated, never approved.",
    _S.DRAINING: "Callers send it nothing new; what is in flight may end.",
    _S.ACTING: "The actuator does what was planned.",
    _S.VERIFYING: "It is tested by hand before callers are sent to it.",
    _S.RETURNING: "Real traffic comes back bit by bit and is judged.",
    _S.FAILED: "The action did not help; the next rung of the ladder is looked for.",
    _S.HELD: "Nothing new begins until what holds it is over and it was quiet for a while.",
    _S.ESCALATED: "It waits for a person, or until nobody reports the fault any more.",
    _S.SERVICE_INCIDENT: "The whole service fails: restarting one instance would not help. "
    "Look at capacity, the fallback, or a change that was near.",
    _S.RECOVERED: "Nobody reports the fault any more; nothing was done.",
    _S.RESOLVED: "The action helped: real traffic says so.",
    _S.REMOVED: "The instance was taken out of service.",
    _S.DISMISSED: "It was put aside; nothing was done.",
}
"""What a case in this state waits for, or how it ended."""

DEADLINES: Mapping[str, str] = {
    _S.COOLING: "its callers are asked",
    _S.CONFIRMING: "it cools down again, or is dismissed",
    _S.GATED: "it is escalated to a person",
    _S.AWAITING_APPROVAL: "it is escalated, not approved",
    _S.DRAINING: "the action begins whatever is in flight",
    _S.ACTING: "the action counts as failed",
    _S.VERIFYING: "the action counts as failed",
    _S.RETURNING: "its traffic is judged",
}
"""What happens when the wait of a state is over."""

TRIGGERS: Mapping[str, str] = {
    "reports": "its callers' reports",
    "reporter": "doubts about its own reports",
    "person": "a person",
}
"""What opened a case."""

_EVENTS: Mapping[str, str] = {
    "opened": "Opened by reports of its callers",
    _E.TAKEN_UP: "Taken up by the healer",
    _E.COOLED_DOWN: "Cooled down; the fault is still there",
    _E.WENT_QUIET: "Nobody reports it any more",
    _E.DISMISSED: "Dismissed",
    _E.QUORUM_REACHED: "Enough callers say the same",
    _E.QUORUM_MISSED: "Too few callers say so",
    _E.SERVICE_WIDE: "The whole service fails",
    _E.REPORTER_BLAMED: "The reporter is to blame",
    _E.APPROVAL_NEEDED: "A person was asked",
    _E.AUTO_APPROVED: "Allowed by policy",
    _E.GATED_TOO_LONG: "Gates were closed for too long",
    _E.APPROVED: "Approved",
    _E.REJECTED: "Rejected",
    _E.APPROVAL_EXPIRED: "Nobody decided in time",
    _E.EVIDENCE_GONE: "The evidence was withdrawn",
    _E.PLAN_CHANGED: "The plan was no longer what had been decided on",
    _E.DRAINED: "Drained",
    _E.ACTED: "The actuator is done",
    _E.ACT_FAILED: "The action failed",
    _E.REMOVED: "Removed from service",
    _E.VERIFIED: "Tested and fine",
    _E.VERIFY_FAILED: "The tests after it failed",
    _E.RESOLVED: "Real traffic is fine again",
    _E.RELAPSED: "It failed again under real traffic",
    _E.NEXT_RUNG: "The next rung of the ladder",
    _E.LADDER_ENDED: "Nothing is left to try",
    _E.HELD: "Held",
    _E.RELEASED: "Released",
    _E.RETRIED: "Tried again",
    _E.REMOVAL_ASKED: "Removal asked for",
    "hold_asked": "To be held",
    "release_asked": "To be released",
    "case_marked": "Judged afterwards",
}
_ACTIONS: Mapping[str, str] = {
    "restart_sidecar": "restart the sidecar",
    "restart_process": "restart the application's process",
    "restart_host": "restart the container or host",
    "remove": "take it out of service for good",
    "revert": "revert a change that was near",
}
_GATES: Mapping[str, str] = {
    "quorum": "Callers that say so",
    "evidence": "Age of the evidence",
    "storm_mesh": "Storm in the mesh",
    "storm_service": "Storm in the service",
    "service_out": "Out of the service",
    "service_healthy": "Left of the service",
    "unit_out": "Out of its unit",
    "mesh_out": "Out of the mesh",
    "mesh_rate": "Actions an hour",
    "instance_apart": "Since the last action on it",
    "instance_day": "Actions on it a day",
    "action": "Rung of the ladder",
    "limiter": "Adaptive limit",
}
"""Names that say too little by themselves."""


@dataclass(frozen=True)
class GateLine:
    """One gate as a page shows it."""

    name: str
    title: str
    state: str
    """`holds`, `asks` (a person is asked) or `stops` (nothing is done)."""
    value: str
    bound: str
    """Empty where there is only a yes or no."""
    reason: str
    fill: float | None
    """Percent of a bar that the value takes; None where a bar says nothing."""
    tick: float | None
    """Where the bound is in that bar."""


def event_word(event: str) -> str:
    """What happened, as people say it."""
    return _EVENTS.get(event, event.replace("_", " ").capitalize())


def action_word(action: str) -> str:
    """What is done to an instance, as people say it."""
    return _ACTIONS.get(action, action.replace("_", " "))


def state_word(state: str) -> str:
    """A state as people say it."""
    return state.replace("_", " ")


def gate_lines(gates: Iterable[Mapping[str, Any]]) -> list[GateLine]:
    """Gates as they were judged last, what speaks against an action first."""
    order = ("stops", "asks", "holds")
    return sorted(map(_gate_line, gates), key=lambda line: order.index(line.state))


def measured(value: float | None, unit: str) -> str:
    """A gate's number in its unit; a dash for what is not known."""
    if value is None:
        return "–"
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "ratio":
        return f"{100 * value:.1f}".rstrip("0").rstrip(".") + "%"
    number = f"{value:.1f}".rstrip("0").rstrip(".")
    return f"{number} s" if unit == "seconds" else number


def _gate_line(gate: Mapping[str, Any]) -> GateLine:
    name, unit = str(gate.get("name", "")), str(gate.get("unit", "count"))
    is_ok, is_hard = bool(gate.get("ok")), bool(gate.get("hard"))
    fill, tick = _bar(gate.get("value"), gate.get("bound"), unit)
    return GateLine(
        name=name,
        title=_GATES.get(name, name.replace("_", " ").capitalize()),
        state="holds" if is_ok else "stops" if is_hard else "asks",
        value=measured(gate.get("value"), unit),
        bound="" if unit == "flag" else measured(gate.get("bound"), unit),
        reason=str(gate.get("reason", "")),
        fill=fill,
        tick=tick,
    )


def _bar(value: float | None, bound: float | None, unit: str) -> tuple[float | None, float | None]:
    """Value and bound as percents of one bar that has room for both."""
    if value is None or bound is None or unit == "flag" or max(value, bound) <= 0:
        return None, None
    whole = 1.25 * max(value, bound)
    return round(100 * max(0.0, value) / whole, 1), round(100 * max(0.0, bound) / whole, 1)
