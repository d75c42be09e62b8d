"""An instance is taken out gently, comes back if anything is pulled, and is never cut."""

from __future__ import annotations

import pytest

from meshconsole.healing.cases.verbs import case_dismiss, case_hold, case_release
from meshconsole.healing.guards import services as guards
from meshconsole.inventory.models import Instance
from meshconsole.inventory.services import instance_drain
from tests.harness.healing import World

pytestmark = pytest.mark.django_db


def state_of(instance: str) -> str:
    return str(Instance.objects.get(instance_id=instance).state)


def draining(world: World) -> None:
    world.report()
    world.until("draining")
    while world.step().unpublished_at is None:
        world.tick()
    assert state_of("order-1") == "draining"


def test_a_kill_switch_ends_no_drain_half_way_and_begins_nothing(world: World) -> None:
    draining(world)
    guards.switch_engage(
        switch="healing", reason="Stop.", actor="ann", now=world.clock.now, application=""
    )
    case = world.until("held")
    assert case.held_from == "draining"
    assert state_of("order-1") == "serving"
    assert world.actuator.done == []
    assert world.step().state == "failed"


def test_a_kill_switch_stops_what_has_not_begun(world: World) -> None:
    world.report()
    world.until("cooling")
    guards.switch_engage(
        switch="healing", reason="Stop.", actor="ann", now=world.clock.now, application="order"
    )
    world.tick()
    world.tick(5)
    assert world.case().state == "held"


def test_what_a_person_holds_returns_and_waits_for_that_person(world: World) -> None:
    draining(world)
    case_hold(pk=world.case().pk, actor="ann", reason="Let me look.", now=world.clock.now)
    world.tick()
    case = world.case()
    assert (case.state, case.held_by, state_of("order-1")) == ("held", "ann", "serving")
    for _ in range(3):
        world.report()
        world.tick(30)
    assert world.case().state == "held"
    case_release(pk=case.pk, actor="ann", reason="Go on.", now=world.clock.now)
    world.until("confirming", "gated", "draining")


def test_who_drained_it_before_keeps_it_drained(world: World) -> None:
    world.report()
    world.until("gated", "draining")
    if state_of("order-1") == "serving":
        instance_drain(
            Instance.objects.get(instance_id="order-1"), actor="ann", reason="Maintenance."
        )
    world.until("resolved")
    assert world.step().was_serving is False
    assert state_of("order-1") == "draining"


def test_an_instance_that_was_given_up_returns_when_a_person_dismisses_its_case(
    world: World,
) -> None:
    world.actuator.heals = lambda: None
    world.set_mode("auto", ladder_end=2, verify_seconds=5)
    world.report()
    world.until("escalated", seconds=2)
    assert state_of("order-1") == "draining"
    case_dismiss(pk=world.case().pk, actor="ann", reason="Mine.", now=world.clock.now)
    assert state_of("order-1") == "serving"
