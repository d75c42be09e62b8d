"""Every number and word that a healing policy may set, with its unit, default and bounds; pure.

A change is judged by what it does to power: one that lets healing act more often, on more or sooner
is `wider`, and asks for another role than one that makes it act less.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from proxy.contract.check import HEALING_BOUNDS
from proxy.contract.snapshot import HealingTerms

Mode = Literal["observe", "approve_all", "auto"]
EjectionMode = Literal["off", "report", "weight", "eject"]
Direction = Literal["up", "down", "none"]

MODES: tuple[Mode, ...] = ("observe", "approve_all", "auto")
"""From the least power to the most."""
EJECTION_MODES: tuple[EjectionMode, ...] = ("off", "report", "weight", "eject")
ACTUATORS = ("process", "docker", "kubernetes", "systemd", "supervisor", "webhook", "ssh")
SWITCHES = ("healing", "ejection", "rollouts")
SCOPES = ("mesh", "unit", "application", "instance")
LADDER = ("restart_sidecar", "restart_process", "restart_host", "remove")
"""Rung 1 to 4."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One number: what it is, what it is by default, and how far it may be moved."""

    name: str
    title: str
    unit: str
    """`s`, `ratio` (0 to 1), `times`, `flag` (0 or 1) or `count`."""
    default: float
    least: float
    most: float
    wider: Direction = "none"
    """In which direction healing gets more power."""
    group: Literal["healing", "ejection"] = "healing"

    @property
    def is_whole(self) -> bool:
        """Is it a number of things?"""
        return self.unit in ("count", "flag")


def _number(
    name: str,
    title: str,
    unit: str,
    default: float,
    bounds: tuple[float, float],
    wider: Direction,
    group: Literal["healing", "ejection"] = "healing",
) -> Parameter:
    return Parameter(
        name=name,
        title=title,
        unit=unit,
        default=default,
        least=bounds[0],
        most=bounds[1],
        wider=wider,
        group=group,
    )


def _ejection(name: str, title: str, unit: str, wider: Direction) -> Parameter:
    least, most = HEALING_BOUNDS[name]
    default = float(getattr(_TERMS, name))
    return _number(name, title, unit, default, (least, most), wider, "ejection")


_TERMS = HealingTerms(name="defaults")
_HEALING: tuple[Parameter, ...] = (
    _number("cooldown_seconds", "Cooldown before anything is decided", "s", 180, (5, 3600), "down"),
    _number("quiet_seconds", "Quiet for so long, it is gone", "s", 60, (5, 3600), "none"),
    _number("confirm_seconds", "Quorum is waited for", "s", 60, (5, 3600), "up"),
    _number("quorum_least", "Reporters at the least", "count", 2, (2, 50), "down"),
    _number("quorum_share", "Share of callers that must report", "ratio", 0.3, (0.1, 1), "down"),
    _number("service_out_share", "Share of a service out", "ratio", 0.10, (0.01, 0.34), "up"),
    _number("service_healthy_share", "Share that serves after", "ratio", 0.60, (0.5, 1), "down"),
    _number("unit_out", "Instances of a unit out", "count", 3, (1, 50), "up"),
    _number("unit_out_share", "Share of a unit out", "ratio", 0.05, (0.01, 0.34), "up"),
    _number("mesh_out", "Instances of the mesh out", "count", 2, (1, 100), "up"),
    _number("mesh_actions_per_hour", "Actions of the mesh an hour", "count", 10, (1, 200), "up"),
    _number("instance_actions_per_day", "Actions on one a day", "count", 2, (1, 10), "up"),
    _number("instance_apart_seconds", "Actions on one are apart", "s", 900, (60, 86400), "down"),
    _number("storm_mesh_cases", "New cases a minute in the mesh", "count", 5, (1, 1000), "up"),
    _number("storm_service_cases", "New cases a minute in one", "count", 2, (1, 100), "up"),
    _number("change_seconds", "A change counts as near for", "s", 600, (60, 86400), "down"),
    _number("auto_capacity_share", "Capacity taken unasked", "ratio", 0.05, (0, 0.2), "up"),
    _number("auto_rung_most", "Highest rung that is not asked", "count", 2, (1, 3), "up"),
    _number("is_sidecar_exempt", "Sidecars in protected hours", "flag", 0, (0, 1), "up"),
    _number("approval_seconds", "An approval is waited for", "s", 900, (60, 3600), "none"),
    _number("gated_seconds", "Gates are waited for", "s", 1800, (60, 86400), "none"),
    _number("drain_seconds", "Requests in flight may end for", "s", 60, (1, 600), "down"),
    _number("removal_drain_seconds", "The same before a removal", "s", 300, (1, 3600), "down"),
    _number("act_seconds", "An action may take", "s", 120, (5, 3600), "none"),
    _number("verify_seconds", "Tests after it may take", "s", 180, (5, 3600), "none"),
    _number("return_seconds", "Its share grows back over", "s", 60, (1, 600), "down"),
    _number("ladder_start", "First rung of the ladder", "count", 2, (1, 4), "up"),
    _number("ladder_end", "Last rung of the ladder", "count", 4, (1, 4), "up"),
)
PARAMETERS: dict[str, Parameter] = {one.name: one for one in _HEALING}
EJECTION: dict[str, Parameter] = {
    one.name: one
    for one in (
        _ejection("min_requests", "Requests before an endpoint is judged", "count", "down"),
        _ejection("error_floor", "Error rate at the least", "ratio", "down"),
        _ejection("peer_lead", "Above the median of its peers by", "ratio", "down"),
        _ejection("peer_ratio", "Times the median of its peers", "times", "down"),
        _ejection("consecutive", "Failures in a row to reach it", "count", "none"),
        _ejection("max_out_share", "Share of endpoints out at once", "ratio", "up"),
        _ejection("min_left_share", "Share of endpoints that stays", "ratio", "down"),
        _ejection("base_seconds", "The first ejection takes", "s", "up"),
        _ejection("max_seconds", "An ejection takes at the most", "s", "up"),
        _ejection("probes", "Good answers that bring it back", "count", "up"),
        _ejection("slow_start_seconds", "Its share grows back over", "s", "none"),
        _ejection("weight_factor", "Share that mode weight leaves it", "ratio", "down"),
    )
}
"""The numbers of callers' ejection: defaults and bounds are those that sidecars hold to."""


def number_faults(given: Mapping[str, Any], known: Mapping[str, Parameter]) -> Iterator[str]:
    """What is wrong with numbers that somebody wants to set, each a sentence."""
    for name, value in given.items():
        parameter = known.get(name)
        if parameter is None:
            yield f"There is no number {name!r}; there are {', '.join(known)}."
        elif isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            yield f"{name} is a number."
        elif not parameter.least <= value <= parameter.most:
            yield (
                f"{name} is from {parameter.least:g} to {parameter.most:g} {parameter.unit}; "
                f"{value:g} is not."
            )
        elif parameter.is_whole and value != int(value):
            yield f"{name} is a whole number."


def exact(given: Mapping[str, float], known: Mapping[str, Parameter]) -> dict[str, float]:
    """The same numbers, whole ones as integers: so they are stored, compared and read."""
    return {
        name: int(value) if name in known and known[name].is_whole else float(value)
        for name, value in given.items()
    }


def widened(
    before: Mapping[str, float], after: Mapping[str, float], known: Mapping[str, Parameter]
) -> list[str]:
    """The numbers whose change gives healing more power than it had."""
    return [
        name
        for name, one in known.items()
        if (one.wider == "up" and after[name] > before[name])
        or (one.wider == "down" and after[name] < before[name])
    ]
