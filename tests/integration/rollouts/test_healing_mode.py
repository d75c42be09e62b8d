"""How far healing may go, by waves over applications: one level at a time, and back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from meshconsole.core.errors import Conflict, Forbidden, Invalid
from meshconsole.healing.guards.selectors import policies_of
from meshconsole.healing.guards.services import Wish, policy_row, policy_set, switch_engage, wish_of
from meshconsole.healing.models import Anomaly, HealingCase, Testimony as Word
from meshconsole.rollouts.actions import approver_check
from meshconsole.rollouts.models import Decision, Rollout
from meshconsole.rollouts.planning import preview_of, rollout_of
from meshconsole.rollouts.services import (
    rollout_approve,
    rollout_create,
    rollout_plan,
    rollout_rollback,
    rollout_start,
)
from meshconsole.rollouts.states import RolloutState
from tests.factories import an_application, an_instance
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db
APPS = ("order", "shop", "stock")


@pytest.fixture(autouse=True)
def _three(mesh: Mesh) -> None:
    for app in APPS[1:]:
        for number in (1, 2):
            an_instance(f"{app}-{number}", application=app)
            mesh.names.append(f"{app}-{number}")
    mesh.begin()


def started(mesh: Mesh, application: str = "", **spec: Any) -> Rollout:
    row = rollout_create(
        kind="healing_mode",
        application=application,
        spec={"soak_scale": 0.01, "min_requests": 100} | spec,
        actor="ann",
        now=mesh.now,
    )
    rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    row = rollout_start(pk=row.pk, actor="ann", now=mesh.now)
    if row.state == RolloutState.AWAITING_APPROVAL:
        row = rollout_approve(pk=row.pk, actor="bob", now=mesh.now)
    return row


def put(application: str, now: Any, **wish: Any) -> None:
    policy_set(
        application=application, wish=Wish(**wish), reason="As agreed.", actor="ann", now=now
    )


def levels(part: str = "ejection_mode") -> dict[str, str]:
    return {app: getattr(policy, part) for app, policy in policies_of(APPS).items()}


def own(part: str = "ejection_mode") -> dict[str, str]:
    return {app: getattr(wish_of(policy_row(app)), part) for app in ("", *APPS)}


def test_an_application_goes_up_level_by_level(mesh: Mesh) -> None:
    row = started(mesh, "order", ejection_mode="eject")
    assert [wave.stage for wave in row.waves.all()] == ["weight", "eject"]
    assert {wave.targets.count() for wave in row.waves.all()} == {9}, (
        "an application is taken whole"
    )
    assert row.approval == "It lets healing do more than it may now."
    mesh.until_wave(row, 1)
    assert levels() == {"order": "weight", "shop": "report", "stock": "report"}
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert levels()["order"] == "eject"


def test_the_mesh_goes_by_its_applications_and_says_it_itself_in_the_end(mesh: Mesh) -> None:
    put("shop", mesh.now, ejection_mode="off")
    row = started(mesh, ejection_mode="weight")
    assert [sorted({t.application for t in wave.targets.all()}) for wave in row.waves.all()] == [
        ["order"],
        ["stock"],
    ]
    mesh.until_wave(row, 2)
    assert own() == {"": "", "order": "weight", "shop": "off", "stock": "weight"}
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert own() == {"": "weight", "order": "", "shop": "off", "stock": ""}
    assert levels() == {"order": "weight", "shop": "off", "stock": "weight"}


def test_callers_that_find_more_failing_take_it_back(mesh: Mesh) -> None:
    row = started(mesh, ejection_mode="weight")
    mesh.until_wave(row, 1)
    for name in ("order-1", "order-2"):
        fault = Anomaly.objects.create(
            subject_app="order",
            subject_instance=name,
            rule="error_rate",
            first_at=mesh.now,
            last_at=mesh.now,
            updated_at=mesh.now,
            published_at=mesh.now,
            due_at=mesh.now + timedelta(hours=1),
        )
        for reporter in ("shop-1", "stock-1"):
            Word.objects.create(
                anomaly=fault, reporter_instance=reporter, reporter_app="shop",
                reporter_unit="unit1", said_at=mesh.now,
            )  # fmt: skip
    assert mesh.finish(row) == RolloutState.ROLLED_BACK, row.note
    assert Decision.objects.get(verb="gate_failed").why.startswith("ejections: Callers found 2")
    assert own() == dict.fromkeys(("", *APPS), "")


def test_errors_of_the_wave_take_every_application_back_to_what_it_said(mesh: Mesh) -> None:
    put("order", mesh.now, ejection_mode="off")
    row = started(mesh, "order", ejection_mode="eject")
    mesh.until_wave(row, 2)
    for number in range(9):
        mesh.of(f"order-{number + 1}").error_share = 0.2
    assert mesh.finish(row) == RolloutState.ROLLED_BACK, row.note
    assert own()["order"] == "off"


def test_a_policy_that_a_person_changed_meanwhile_is_left_alone(mesh: Mesh) -> None:
    row = started(mesh, "order", ejection_mode="eject")
    mesh.until_wave(row, 1)
    put("order", mesh.now, ejection_mode="off")
    assert mesh.finish(row) == RolloutState.PAUSED
    assert "changed by somebody else" in row.note
    rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    assert mesh.finish(row) == RolloutState.STUCK
    assert own()["order"] == "off"


def test_healing_needs_somebody_to_act_and_its_brakes_let_go(mesh: Mesh) -> None:
    with pytest.raises(Conflict, match="order has no actuator"):
        started(mesh, "order", mode="auto")
    put("order", mesh.now, actuator="process")
    switch_engage(switch="healing", reason="We look first.", actor="ann", now=mesh.now)
    with pytest.raises(Conflict, match="kill switch for healing is pulled: We look first"):
        started(mesh, "order", mode="auto")
    row = started(mesh, "order", ejection_mode="weight")
    assert row.state == RolloutState.APPROVED


def test_healing_of_an_application_that_acts_already_may_do_less_without_a_second_person(
    mesh: Mesh,
) -> None:
    put("order", mesh.now, actuator="process", mode="auto")
    row = started(mesh, "order", mode="observe")
    assert row.approval == ""
    assert [wave.stage for wave in row.waves.all()] == ["approve_all", "observe"]
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert levels("mode")["order"] == "observe"
    assert wish_of(policy_row("order")).actuator == "process", "nothing else is touched"


def test_critical_applications_are_reached_last(mesh: Mesh) -> None:
    an_application("order").__class__.objects.filter(name="order").update(tier="critical")
    row = started(mesh, ejection_mode="weight")
    last = row.waves.order_by("-number")[0]
    assert {target.application for target in last.targets.all()} == {"order"}


@pytest.mark.parametrize("spec", [{}, {"mode": "auto", "ejection_mode": "eject"}, {"mode": "all"}])
def test_a_spec_says_one_level_that_there_is(mesh: Mesh, spec: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        rollout_of("healing_mode", "order", spec)


def test_a_preview_tells_what_it_would_have_done(mesh: Mesh) -> None:
    at = mesh.now - timedelta(days=2)
    HealingCase.objects.create(
        instance="order-1", app="order", unit="unit1", state="recovered", outcome="recovered",
        since=at, opened_at=at, closed_at=at,
    )  # fmt: skip
    preview = preview_of(rollout_of("healing_mode", "order", {"mode": "auto"}), mesh.now)
    (told,) = preview.hindsight
    assert told.startswith("In the last 7 days 1 case of order was opened; 1 mended itself")
    preview = preview_of(rollout_of("healing_mode", "", {"ejection_mode": "eject"}), mesh.now)
    assert preview.hindsight == ["In the last 7 days no caller found an instance failing there."]


def test_a_rollout_is_no_way_round_a_role(mesh: Mesh, person: Callable[[str], User]) -> None:
    put("order", mesh.now, actuator="process")
    row = rollout_create(
        kind="healing_mode", application="order", spec={"mode": "auto"}, actor="ann", now=mesh.now
    )
    with pytest.raises(Forbidden):
        approver_check(person("approver"), row.pk)
    approver_check(person("admin"), row.pk)
