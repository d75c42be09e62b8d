"""What the automation page says: each guard rail with its value, its bounds, and who said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meshconsole.healing.cases.scores import scores_of
from meshconsole.healing.guards.actions import confirm_word
from meshconsole.healing.guards.hours import WEEKDAYS
from meshconsole.healing.guards.models import MESH
from meshconsole.healing.guards.parameters import (
    EJECTION,
    EJECTION_MODES,
    MODES,
    PARAMETERS,
    SCOPES,
    SWITCHES,
    Parameter,
)
from meshconsole.healing.guards.selectors import (
    Effective,
    kill_switches,
    maintenance_windows,
    policies_of,
    protected_hours,
    protected_now,
)
from meshconsole.healing.guards.windows import hours_told
from meshconsole.inventory.models import Application

MODE_TEXTS = {
    "observe": "Only says what it would do.",
    "approve_all": "Asks a person before every action.",
    "auto": "Does what is small by itself, and asks for the rest.",
}
EJECTION_TEXTS = {
    "off": "Callers do not look.",
    "report": "Callers report and leave traffic alone.",
    "weight": "Callers leave a bad endpoint a small share.",
    "eject": "Callers leave a bad endpoint out.",
}
SWITCH_TEXTS = {
    "healing": "No action is begun",
    "ejection": "Callers only report",
    "rollouts": "No wave is begun or goes on; what rolls back does",
}
ROWS = 200


@dataclass(frozen=True)
class Rail:
    """One number: its value now against its bounds, and who said it."""

    parameter: Parameter
    value: str
    default: str
    bounds: str
    said_by: str
    own: str
    """What the row itself says, as a form field takes it; empty when it inherits."""


def told(value: float, unit: str) -> str:
    """A number with its unit, as people read it."""
    if unit == "ratio":
        return f"{value * 100:g}%"
    if unit == "flag":
        return "yes" if value else "no"
    if unit == "s":
        return f"{value / 3600:g} h" if value >= 3600 and value % 3600 == 0 else f"{value:g} s"
    return f"{value:g}"


def rails_of(
    policy: Effective, known: Mapping[str, Parameter], own: Mapping[str, float]
) -> list[Rail]:
    """Every number of a policy in its order."""
    values = policy.numbers | policy.ejection
    return [
        Rail(
            parameter=one,
            value=told(values[one.name], one.unit),
            default=told(one.default, one.unit),
            bounds=f"{told(one.least, one.unit)} to {told(one.most, one.unit)}",
            said_by=policy.said_by[one.name],
            own=f"{own[one.name]:g}" if one.name in own else "",
        )
        for one in known.values()
    ]


def automation_shown(now: datetime) -> dict[str, Any]:
    """Everything of the page."""
    names = list(Application.objects.order_by("name").values_list("name", flat=True)[:ROWS])
    policies = policies_of([MESH, *names])
    mesh = policies.pop(MESH)
    held, scores = protected_now(now), scores_of(names)
    return {
        "mesh": mesh,
        "mesh_word": confirm_word(MESH),
        "mode_text": MODE_TEXTS[mesh.mode],
        "ejection_text": EJECTION_TEXTS[mesh.ejection_mode],
        "rails": rails_of(mesh, PARAMETERS, {}),
        "ejection_rails": rails_of(mesh, EJECTION, {}),
        "policies": [
            {"policy": policy, "score": scores.get(name)} for name, policy in policies.items()
        ],
        "applications": names,
        "switches": list(kill_switches()[:ROWS]),
        "switch_words": [(name, SWITCH_TEXTS[name]) for name in SWITCHES],
        "windows": list(maintenance_windows(now)[:ROWS]),
        "scopes": SCOPES,
        "hours": [
            {"row": row, "told": hours_told(row), "held": held.get(row.application)}
            for row in protected_hours()[:ROWS]
        ],
        "weekdays": list(enumerate(WEEKDAYS, start=1)),
        "now": now,
    }


def policy_shown(policy: Effective, own: Mapping[str, Any]) -> dict[str, Any]:
    """The form of one policy: what its row says, beside what holds."""
    return {
        "policy": policy,
        "own": own,
        "modes": [(name, MODE_TEXTS[name]) for name in MODES],
        "ejection_modes": [(name, EJECTION_TEXTS[name]) for name in EJECTION_MODES],
        "rails": rails_of(policy, PARAMETERS, own["numbers"]),
        "ejection_rails": rails_of(policy, EJECTION, own["ejection"]),
    }
