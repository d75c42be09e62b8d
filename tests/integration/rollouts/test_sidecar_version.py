"""Sidecars are replaced by who can, wave by wave; without anybody who can, nothing begins."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from meshconsole.core.errors import Conflict
from meshconsole.inventory.models import Instance, Unit
from meshconsole.inventory.states import InstanceState
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.services import rollout_create, rollout_plan, rollout_start
from meshconsole.rollouts.states import RolloutState
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db


def started(mesh: Mesh, **spec: Any) -> Rollout:
    row = rollout_create(
        kind="sidecar_version",
        application="order",
        spec={"version": "2.0", "soak_scale": 0.01, "min_requests": 100} | spec,
        actor="ann",
        now=mesh.now,
    )
    rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    return rollout_start(pk=row.pk, actor="ann", now=mesh.now)


def actuate(mesh: Mesh) -> None:
    """Reads what the API tells: targets of the wave in force, or on their way back."""
    for wave in Rollout.objects.get().waves.filter(state__in=("applying", "reverting")):
        for target in wave.targets.all():
            version = wave.goal["version"] if wave.state == "applying" else target.before
            Instance.objects.filter(instance_id=target.instance).update(sidecar_version=version)


def versions() -> set[str]:
    return set(Instance.objects.values_list("sidecar_version", flat=True))


def test_without_an_actuator_it_says_so_and_does_not_begin(mesh: Mesh) -> None:
    with pytest.raises(Conflict, match="Nothing replaces sidecars here"):
        started(mesh)
    assert started(mesh, by="operator").state == RolloutState.APPROVED


def test_every_sidecar_has_the_new_version_in_the_end(mesh: Mesh, settings: Settings) -> None:
    settings.MESH_SIDECAR_ACTUATOR = "demo"
    row = started(mesh)
    mesh.each_second = actuate
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert versions() == {"2.0"}


def test_staging_comes_before_production(mesh: Mesh, settings: Settings) -> None:
    settings.MESH_SIDECAR_ACTUATOR = "demo"
    Unit.objects.filter(name="unit3").update(labels={"env": "staging"})
    Instance.objects.filter(instance_id="order-6").update(labels={"env": "prod"})
    row = started(mesh)
    first, second, *_ = row.waves.all()
    reached = [target.instance for wave in (first, second) for target in wave.targets.all()]
    assert reached == ["order-3", "order-9"]


def test_a_version_that_fails_requests_is_taken_back(mesh: Mesh, settings: Settings) -> None:
    settings.MESH_SIDECAR_ACTUATOR = "demo"
    Instance.objects.update(sidecar_version="1.0")
    row = started(mesh)

    def failing(mesh: Mesh) -> None:
        actuate(mesh)
        for name, version in Instance.objects.values_list("instance_id", "sidecar_version"):
            mesh.of(name).error_share = 0.05 if version == "2.0" else 0.0

    mesh.each_second = failing
    assert mesh.finish(row) == RolloutState.ROLLED_BACK, row.note
    assert versions() == {"1.0"}


def test_a_wave_that_nobody_replaces_waits_and_then_pauses(mesh: Mesh, settings: Settings) -> None:
    settings.MESH_SIDECAR_ACTUATOR = "demo"
    Instance.objects.update(sidecar_version="1.0")
    row = started(mesh)
    assert mesh.finish(row, seconds=1000) == RolloutState.PAUSED
    assert "its sidecar is 1.0" in row.note


def test_who_is_replaced_as_a_whole_meanwhile_is_waited_for_by_nobody(
    mesh: Mesh, settings: Settings
) -> None:
    settings.MESH_SIDECAR_ACTUATOR = "demo"
    row = started(mesh)
    mesh.each_second = actuate
    mesh.until_wave(row, 3)
    gone = row.waves.get(number=3).targets.values_list("instance", flat=True)[0]
    Instance.objects.filter(instance_id=gone).update(
        state=InstanceState.GONE, sidecar_version="1.0"
    )
    mesh.names.remove(gone)
    mesh.each_second = actuate_open
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note


def actuate_open(mesh: Mesh) -> None:
    """The same; nobody can replace a sidecar that is gone."""
    for wave in Rollout.objects.get().waves.filter(state="applying"):
        names = wave.targets.values_list("instance", flat=True)
        Instance.objects.open().filter(instance_id__in=names).update(sidecar_version="2.0")
