"""A split moves in waves: taken by every sidecar, judged, and undone when a gate says so."""

from __future__ import annotations

from typing import Any

import pytest

from meshconsole.rollouts.models import Decision, Evaluation, Rollout
from meshconsole.rollouts.services import (
    rollout_create,
    rollout_plan,
    rollout_rollback,
    rollout_start,
)
from meshconsole.rollouts.states import RolloutState
from meshconsole.steering.models import Route
from meshconsole.steering.services import split_set
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db
HALF = {"Group_1": 50, "Group_2": 50}
SCALE = {"soak_scale": 0.02}


def started(mesh: Mesh, split: dict[str, float] | None = None, **spec: Any) -> Rollout:
    given = {"split": split or HALF} | SCALE | spec
    rollout = rollout_create(
        kind="route_table", application="order", spec=given, actor="ann", now=mesh.now
    )
    rollout_plan(pk=rollout.pk, actor="ann", now=mesh.now)
    return rollout_start(pk=rollout.pk, actor="ann", now=mesh.now)


def in_force() -> Any:
    return Route.objects.get().split


@pytest.fixture
def _all_to_one(mesh: Mesh) -> None:
    split_set(
        application="order",
        split={"Group_1": 100, "Group_2": 0},
        expected_version=0,
        actor="ann",
    )
    for number in (7, 8, 9):
        mesh.of(f"order-{number}").requests_per_second = 0


@pytest.mark.usefixtures("_all_to_one")
def test_a_split_arrives_by_waves_that_each_pass_their_gates(mesh: Mesh) -> None:
    rollout = started(mesh)
    seen: list[float] = []

    def follow(_: Mesh) -> None:
        split = in_force()
        if not seen or seen[-1] != split["Group_2"]:
            seen.append(split["Group_2"])
        for number in (7, 8, 9):
            mesh.of(f"order-{number}").requests_per_second = 30

    mesh.each_second = follow
    assert mesh.finish(rollout) == RolloutState.COMPLETED
    assert seen == [0, 0.5, 2.5, 10, 25, 50]
    assert in_force() == HALF
    for wave in rollout.waves.all():
        last = wave.evaluations.filter(round=wave.rounds)
        assert {one.verdict for one in last} == {"pass"}, wave
        assert {"error_rate", "p99", "acks"} <= {one.metric for one in last}
    verbs = list(Decision.objects.values_list("verb", flat=True))
    assert verbs.count("wave_passed") == 5
    assert verbs[-1] == "finished"


def test_errors_of_the_group_that_gets_more_take_it_back(mesh: Mesh) -> None:
    split_set(application="order", split={"Group_1": 80, "Group_2": 20}, expected_version=0,
              actor="ann")  # fmt: skip
    rollout = started(mesh)

    def fail(mesh: Mesh) -> None:
        if in_force()["Group_2"] > 22:
            for number in (7, 8, 9):
                mesh.of(f"order-{number}").error_share = 0.05

    mesh.each_second = fail
    assert mesh.finish(rollout) == RolloutState.ROLLED_BACK
    assert in_force() == {"Group_1": 80, "Group_2": 20}
    reason = Decision.objects.filter(verb="gate_failed").get().why
    assert reason.startswith("error_rate: Errors went from 0.00% to")
    failed = Evaluation.objects.filter(verdict="fail", metric="error_rate")
    assert failed.count() == 2
    assert failed[1].round == failed[0].round + 1


def test_a_mesh_without_traffic_is_inconclusive_and_waits_for_a_person(mesh: Mesh) -> None:
    for name in mesh.names:
        mesh.of(name).requests_per_second = 1
    rollout = started(mesh, {"Group_1": 60, "Group_2": 40})
    assert mesh.finish(rollout) == RolloutState.PAUSED
    assert "Inconclusive after 3 soaks" in rollout.note
    assert "Too few requests" in rollout.note
    assert rollout.waves.get(number=1).extended == 2


def test_a_sidecar_that_does_not_take_it_pauses_the_wave_by_name(mesh: Mesh) -> None:
    mesh.silent.add("order-4")
    rollout = started(mesh)
    assert mesh.finish(rollout) == RolloutState.PAUSED
    assert rollout.note.startswith("Not taken within 30 s: order-4")


def test_a_route_that_somebody_else_changes_meanwhile_is_left_alone(mesh: Mesh) -> None:
    rollout = started(mesh)
    mesh.run(3)
    split_set(application="order", split={"Group_1": 1, "Group_2": 99}, expected_version=None,
              actor="bob")  # fmt: skip
    assert mesh.finish(rollout) == RolloutState.PAUSED
    assert "changed by somebody else" in rollout.note
    assert in_force() == {"Group_1": 1, "Group_2": 99}


def test_a_first_wave_that_had_to_wait_is_not_put_over_what_came_meanwhile(mesh: Mesh) -> None:
    split_set(application="order", split={"Group_1": 90, "Group_2": 10}, expected_version=0,
              actor="ann")  # fmt: skip
    rollout = started(mesh)
    split_set(application="order", split={"Group_1": 10, "Group_2": 90}, expected_version=None,
              actor="bob")  # fmt: skip
    assert mesh.finish(rollout) == RolloutState.PAUSED
    assert "changed by somebody else" in rollout.note
    assert in_force() == {"Group_1": 10, "Group_2": 90}


def test_when_no_sidecar_is_heard_of_nothing_is_told_as_undone(mesh: Mesh) -> None:
    rollout = started(mesh)
    mesh.run(3)
    mesh.is_heard = False
    rollout_rollback(pk=rollout.pk, actor="ann", now=mesh.now)
    assert mesh.finish(rollout) == RolloutState.STUCK
    assert rollout.note.startswith("Not undone within 30 s")
