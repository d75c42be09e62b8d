"""Who has a sidecar in the part of the mesh that a rollout concerns, and where each stands."""

from __future__ import annotations

from collections.abc import Iterable

from meshconsole.inventory.models import Application, Instance, InstanceQuerySet, Source
from meshconsole.rollouts.models import MESH, Rollout
from meshconsole.rollouts.plan import Seat

ENVIRONMENT = "env"
"""The label that names an instance's environment; the unit's holds where it has none."""


def applications_of(rollout: Rollout) -> list[str]:
    """By name; all of them for the whole mesh."""
    if rollout.application != MESH:
        return [rollout.application]
    return list(Application.objects.order_by("name").values_list("name", flat=True))


def sidecars_of(applications: Iterable[str]) -> InstanceQuerySet:
    """Open instances that have a sidecar."""
    return Instance.objects.open().filter(
        application__name__in=list(applications), source=Source.SIDECAR
    )


def seats_of(rows: InstanceQuerySet) -> dict[str, Seat]:
    """Where instances stand, by id."""
    found = rows.values_list(
        "instance_id", "application__name", "unit__name", "labels", "unit__labels"
    )
    return {
        name: Seat(
            instance=name,
            application=app,
            unit=unit,
            environment=str({**unit_labels, **labels}.get(ENVIRONMENT, "")),
        )
        for name, app, unit, labels, unit_labels in found
    }
