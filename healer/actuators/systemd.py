"""Units of the machine that the healer runs on."""

from __future__ import annotations

from healer.actuators.commands import run_here
from healer.actuators.parts import PartsActuator
from healer.actuators.surroundings import Surroundings
from healer.actuators.systemctl import Systemctl
from meshconsole.healing.guards.actuator_settings import SystemdSettings


def systemd(settings: SystemdSettings, _around: Surroundings) -> PartsActuator:
    """The actuator of local units."""
    place = Systemctl(run_here, "this machine")
    return PartsActuator(
        "systemd", lambda _: place, process=settings.process, sidecar=settings.sidecar
    )
