"""Which buttons an object of the inventory has now, before anybody's role is asked."""

from __future__ import annotations

from meshconsole.access.permissions import Action
from meshconsole.inventory.models import Application, Instance, Unit
from meshconsole.inventory.states import TRANSITIONS, InstanceEvent


def application_actions(row: Application) -> list[Action]:
    """What may be done to an application."""
    return [Action("application_edit")]


def unit_actions(row: Unit) -> list[Action]:
    """What may be done to a unit."""
    return [Action("unit_edit")]


def instance_actions(row: Instance) -> list[Action]:
    """What may be done to an instance in its state."""
    return [
        Action("instance_drain", blocked=_blocked(row, InstanceEvent.DRAIN_ASKED)),
        Action("instance_restore", blocked=_blocked(row, InstanceEvent.RESTORED)),
    ]


def _blocked(row: Instance, event: InstanceEvent) -> str:
    return "" if (row.state, event) in TRANSITIONS else f"The instance is {row.state}."
