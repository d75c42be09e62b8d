"""A case from the first report to its outcome, by rows alone."""

from __future__ import annotations

import pytest

from meshconsole.healing.approvals.votes import approval_vote
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.inventory.models import Instance
from tests.harness.healing import World

pytestmark = pytest.mark.django_db


def state_of(instance: str) -> str:
    return str(Instance.objects.get(instance_id=instance).state)


def events(world: World) -> list[str]:
    return list(world.case().entries.values_list("event", flat=True))


def test_a_bad_instance_becomes_healthy_without_a_human(world: World) -> None:
    world.report()
    assert world.case().state == "observed"
    world.until("draining")
    world.until("acting", "verifying")
    world.until("returning")
    assert state_of("order-1") == "serving"
    case = world.until("resolved")
    assert world.actuator.done == [("restart_process", "order-1")]
    assert (case.outcome, case.rung) == ("resolved", 2)
    assert events(world) == [
        "opened", "taken_up", "cooled_down", "quorum_reached", "auto_approved", "drained", "acted",
        "verified", "resolved",
    ]  # fmt: skip
    step = world.step()
    assert (step.state, step.attempt, step.restored_at is not None) == ("succeeded", 1, True)


def test_by_default_it_only_observes_and_says_so(world: World) -> None:
    world.set_mode("")
    world.report()
    world.until("gated")
    case = world.until("escalated", seconds=20)
    assert world.actuator.done == []
    assert "observes" in str(case.entries.last()) or "observes" in case.note
    assert next(gate for gate in case.gates if gate["name"] == "mode")["ok"] is False


def test_a_person_is_asked_and_what_was_approved_is_done_once(world: World) -> None:
    world.set_mode("approve_all")
    world.report()
    world.until("awaiting_approval")
    asked = Approval.objects.get()
    assert (asked.action, asked.needed) == ("restart_process", 1)
    world.tick()
    assert world.actuator.done == []
    approval_vote(pk=asked.pk, user="ann", decision="approve", reason="Yes.", now=world.clock.now)
    world.until("resolved")
    assert world.actuator.done == [("restart_process", "order-1")]
    asked.refresh_from_db()
    assert asked.state == "used"


def test_what_is_reported_after_a_case_is_over_is_another_case(world: World) -> None:
    world.report()
    first = world.until("resolved")
    world.tick()
    assert world.case() == first
    world.clock.forward(1)
    world.ill.add("order-1")
    world.report()
    world.tick()
    assert world.case() != first
