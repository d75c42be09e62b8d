"""From an actuator's name and settings to the actuator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from healer.actuators.docker import docker
from healer.actuators.kubernetes import KubernetesActuator
from healer.actuators.process import ProcessActuator
from healer.actuators.protocol import Actuator
from healer.actuators.ssh import ssh
from healer.actuators.supervisor import supervisor
from healer.actuators.surroundings import Surroundings
from healer.actuators.systemd import systemd
from healer.actuators.webhook import WebhookActuator
from meshconsole.healing.guards.actuator_settings import settings_parse

MAKERS: dict[str, Callable[[Any, Surroundings], Actuator]] = {
    "process": ProcessActuator,
    "systemd": systemd,
    "ssh": ssh,
    "supervisor": supervisor,
    "webhook": WebhookActuator,
    "docker": docker,
    "kubernetes": KubernetesActuator,
}


def build(
    name: str, settings: Mapping[str, object], around: Surroundings | None = None
) -> Actuator:
    """The actuator of that name; raises SettingsWrong with a sentence that says what to write."""
    parsed = settings_parse(name, settings)
    return MAKERS[name](parsed, around or Surroundings.configured())
