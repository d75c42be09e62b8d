"""Policies of healing as a rollout reads and writes them: rows of applications, and the mesh's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import msgspec

from meshconsole.healing.guards import services as guards
from meshconsole.healing.guards.selectors import killed, policies_of
from meshconsole.healing.models import HealingPolicy
from meshconsole.inventory.models import Application, Tier
from meshconsole.rollouts.kinds.levels import Part
from meshconsole.rollouts.kinds.protocol import Work
from meshconsole.rollouts.models import MESH, Rollout
from meshconsole.rollouts.record import ENGINE


def wanted_of(spec: Mapping[str, Any]) -> tuple[Part, str]:
    """Which part a checked spec speaks of, and to which level."""
    if spec.get("mode"):
        return "mode", str(spec["mode"])
    return "ejection_mode", str(spec["ejection_mode"])


def concerned(application: str, part: Part) -> tuple[list[str], list[str]]:
    """Applications that it is about, critical ones last, and those that keep their own word."""
    if application != MESH:
        return [application], []
    rows = Application.objects.order_by("name").values_list("name", "tier")
    own = said_by([name for name, _ in rows], part)
    listed = sorted(rows, key=lambda row: row[1] == Tier.CRITICAL)
    return [name for name, _ in listed if not own[name]], [name for name, _ in listed if own[name]]


def apps_of(work: Work) -> list[str]:
    """The applications of a wave, by name."""
    return sorted({target.application for target in work.targets})


def said_by(apps: Iterable[str], part: Part) -> dict[str, str]:
    """What the row of each says itself; empty inherits."""
    names = list(apps)
    said = dict(
        HealingPolicy.objects.filter(application__in=names).values_list("application", part)
    )
    return {name: said.get(name, "") for name in names}


def way_back(works: Sequence[Work]) -> dict[str, str]:
    """What each row said before the rollout: works are in reverse order, the last is the oldest."""
    goals: dict[str, str] = {}
    for work in works:
        levels: dict[str, str] = work.wave.before.get("levels", {})
        goals |= {app: level for app, level in levels.items() if app != MESH}
    return goals


def put(rollout: Rollout, part: Part, goals: Mapping[str, str], now: datetime) -> None:
    """Make rows say these levels, where nobody changes them meanwhile; raises Conflict."""
    for app, level in goals.items():
        row = guards.policy_row(app)
        wish = msgspec.structs.replace(guards.wish_of(row), **cast("Any", {part: level}))
        guards.policy_set(
            application=app,
            wish=wish,
            reason=f"rollout {rollout}",
            actor=ENGINE,
            now=now,
            expected_version=row.version if row is not None else 0,
        )


def unable(apps: Sequence[str], part: Part, to: str) -> list[str]:
    """Why more power would be of no use now."""
    switch = "healing" if part == "mode" else "ejection"
    pulled = next(filter(None, (killed(switch, app) for app in apps)), None)
    if pulled is not None:
        return [f"The kill switch for {switch} is pulled: {pulled.reason}"]
    if part == "ejection_mode" or to == "observe":
        return []
    idle = [app for app, policy in policies_of(apps).items() if not policy.actuator]
    return [f"{app} has no actuator, so nothing could be done: name one first." for app in idle[:5]]


def word_of(part: Part) -> str:
    """A part as people say it."""
    return "healing mode" if part == "mode" else "ejection mode"


def changed(app: str, part: Part) -> str:
    """What is told when a row says something else than the rollout has left there."""
    return f"The {word_of(part)} of {app or 'the mesh'} was changed by somebody else meanwhile."
