"""What keeps rollouts still: a kill switch that is pulled, and trouble that healing has found.

A storm or an incident of a service says that something is wrong which no gate may have seen. More
change would make it worse or harder to find; what is rolled back is rolled back all the same.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Q

from meshconsole.healing.cases.states import CaseState
from meshconsole.healing.guards.selectors import kill_switches
from meshconsole.healing.models import HealingCase, KillSwitch
from meshconsole.rollouts.models import MESH, Rollout, Target

SWITCH = "rollouts"
_STORM_MESH, _STORM_SERVICE = "storm_mesh", "storm_service"


class Brake(NamedTuple):
    """What keeps a rollout still now."""

    by: str
    """`switch:...` or `case:...`, for a link."""
    why: str


def brake_on(rollout: Rollout) -> Brake | None:
    """The kill switch first, then cases that are newer than a person's word to go on past them."""
    switch = switch_on(rollout)
    if switch is not None:
        return Brake(f"switch:{switch}"[:60], told_of(switch))
    return _trouble(rollout)


def switch_on(rollout: Rollout) -> KillSwitch | None:
    """The kill switch that is pulled for the mesh, or for an application that it changes."""
    here = {MESH, rollout.application}
    if rollout.application == MESH:
        here |= _applications(rollout)
    return kill_switches().filter(switch=SWITCH, application__in=here).first()


def told_of(switch: KillSwitch) -> str:
    """Who pulled it and why, in a sentence."""
    whose = f" of {switch.application}" if switch.application else ""
    return f"The kill switch for rollouts{whose} is pulled, by {switch.engaged_by}: {switch.reason}"


def _trouble(rollout: Rollout) -> Brake | None:
    apps = _applications(rollout) if rollout.application == MESH else {rollout.application}
    rows = HealingCase.objects.filter(
        Q(state=CaseState.SERVICE_INCIDENT, app__in=apps) | Q(state=CaseState.HELD, held_by="")
    )
    if rollout.brakes_passed_at is not None:
        rows = rows.filter(since__gt=rollout.brakes_passed_at)
    for case in rows.order_by("since", "pk").only("pk", "state", "app", "gates"):
        told = _told(case, apps)
        if told:
            return Brake(f"case:{case}", told)
    return None


def _told(case: HealingCase, apps: set[str]) -> str:
    """Why a case is trouble for these applications; empty when it is not."""
    if case.state == CaseState.SERVICE_INCIDENT:
        return f"{case.app} fails as a whole: case {case}."
    for gate in case.gates:
        name, is_on = gate.get("name"), not gate.get("ok", True)
        if is_on and (name == _STORM_MESH or (name == _STORM_SERVICE and case.app in apps)):
            return f"A healing storm is on, case {case} is held: {gate.get('reason', '')}"[:400]
    return ""


def _applications(rollout: Rollout) -> set[str]:
    rows = Target.objects.filter(wave__rollout=rollout)
    return set(rows.values_list("application", flat=True).distinct())
