"""A kill switch, a storm and a service's incident keep rollouts still; undoing goes on."""

from __future__ import annotations

from typing import Any

import pytest

from meshconsole.core.errors import Conflict
from meshconsole.healing.guards.services import switch_engage, switch_release
from meshconsole.healing.models import HealingCase
from meshconsole.rollouts.actions import rollout_actions
from meshconsole.rollouts.models import Decision, Rollout
from meshconsole.rollouts.services import (
    rollout_create,
    rollout_pause,
    rollout_plan,
    rollout_promote,
    rollout_resume,
    rollout_rollback,
    rollout_start,
)
from meshconsole.rollouts.states import RolloutState
from tests.factories import an_instance
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db
STORM = [{"name": "storm_mesh", "ok": False, "reason": "9 new cases of the mesh in 60 s."}]


def previewed(mesh: Mesh) -> Rollout:
    spec = {"split": {"Group_1": 40, "Group_2": 60}, "soak_scale": 0.01, "min_requests": 100}
    row = rollout_create(
        kind="route_table", application="order", spec=spec, actor="ann", now=mesh.now
    )
    return rollout_plan(pk=row.pk, actor="ann", now=mesh.now)


def started(mesh: Mesh) -> Rollout:
    return rollout_start(pk=previewed(mesh).pk, actor="ann", now=mesh.now)


def a_case(mesh: Mesh, state: str, app: str = "order", **fields: Any) -> HealingCase:
    return HealingCase.objects.create(
        instance=f"{app}-1", app=app, unit="unit1", state=state, since=mesh.now,
        opened_at=mesh.now, **fields,
    )  # fmt: skip


def pull(mesh: Mesh, application: str = "") -> int:
    return switch_engage(
        switch="rollouts", application=application, reason="Too much.", actor="eve", now=mesh.now
    ).pk


def over(case: HealingCase, mesh: Mesh) -> None:
    HealingCase.objects.filter(pk=case.pk).update(
        state="recovered", closed_at=mesh.now, due_at=None
    )


def test_an_incident_of_the_service_pauses_it_until_it_is_over(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.until_wave(row, 2)
    case = a_case(mesh, "service_incident")
    mesh.run(6)
    row.refresh_from_db()
    assert (row.state, row.braked_by) == (RolloutState.PAUSED, f"case:{case}")
    assert row.note == f"order fails as a whole: case {case}."
    mesh.run(60)
    assert row.waves.get(number=2).state == "applying", "nothing goes on meanwhile"
    over(case, mesh)
    mesh.run(4)
    row.refresh_from_db()
    assert row.state in (RolloutState.PROGRESSING, RolloutState.SOAKING)
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note


def test_a_storm_pauses_every_rollout_and_what_was_held_for_something_else_none(
    mesh: Mesh,
) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1)
    a_case(mesh, "held", app="stock", gates=[{"name": "kill_switch", "ok": False}])
    a_case(mesh, "held", app="shop", gates=[{"name": "storm_service", "ok": False}])
    a_case(mesh, "held", app="user", gates=STORM, held_by="ann")
    a_case(mesh, "service_incident", app="cart")
    mesh.run(6)
    row.refresh_from_db()
    assert row.state == RolloutState.SOAKING, row.note
    storm = a_case(mesh, "held", app="gateway", gates=STORM)
    mesh.run(6)
    row.refresh_from_db()
    assert (row.state, row.braked_by) == (RolloutState.PAUSED, f"case:{storm}")
    assert "A healing storm is on" in row.note


def test_a_person_goes_on_past_the_cases_that_are_there_and_no_newer_one(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1)
    a_case(mesh, "service_incident")
    mesh.run(6)
    rollout_resume(pk=row.pk, actor="bob", now=mesh.now, reason="It is the old one.")
    mesh.run(6)
    row.refresh_from_db()
    assert row.state != RolloutState.PAUSED
    HealingCase.objects.update(since=mesh.now)
    mesh.run(6)
    row.refresh_from_db()
    assert row.state == RolloutState.PAUSED


def test_a_kill_switch_lets_nothing_begin_go_on_or_be_promoted_and_everything_roll_back(
    mesh: Mesh,
) -> None:
    begun = started(mesh)
    mesh.until_wave(begun, 1)
    switch = pull(mesh, "order")
    mesh.run(6)
    begun.refresh_from_db()
    assert (begun.state, begun.braked_by) == (RolloutState.PAUSED, "switch:rollouts/order")
    assert "pulled, by eve: Too much." in begun.note
    for verb in (rollout_resume, rollout_promote):
        with pytest.raises(Conflict, match="kill switch for rollouts of order"):
            verb(pk=begun.pk, actor="bob", now=mesh.now, reason="Now.")
    rollout_rollback(pk=begun.pk, actor="bob", now=mesh.now)
    assert mesh.finish(begun) == RolloutState.ROLLED_BACK
    with pytest.raises(Conflict, match="Let it go first"):
        started(mesh)
    switch_release(pk=switch, reason="Fine.", actor="bob")
    assert started(mesh).state == RolloutState.APPROVED


def test_what_was_to_begin_waits_for_the_kill_switch_of_the_mesh(mesh: Mesh) -> None:
    row = started(mesh)
    switch = pull(mesh)
    mesh.run(10)
    row.refresh_from_db()
    assert row.state == RolloutState.APPROVED
    switch_release(pk=switch, reason="Fine.", actor="bob")
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note


def test_another_applications_kill_switch_is_nobody_elses(mesh: Mesh) -> None:
    an_instance("stock-1", application="stock")
    row = started(mesh)
    pull(mesh, "stock")
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note


def test_a_person_that_pauses_what_is_braked_has_it_wait_for_a_person(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1)
    case = a_case(mesh, "service_incident")
    mesh.run(6)
    row.refresh_from_db()
    offered = {one.name for one in rollout_actions(row, "bob") if not one.blocked}
    assert offered >= {"rollout_pause", "rollout_resume", "rollout_rollback"}
    rollout_pause(pk=row.pk, actor="bob", now=mesh.now, reason="I look first.")
    over(case, mesh)
    mesh.run(10)
    row.refresh_from_db()
    assert (row.state, row.note, row.due_at) == (RolloutState.PAUSED, "I look first.", None)
    assert Decision.objects.filter(rollout=row, actor="bob", verb="paused").count() == 1
