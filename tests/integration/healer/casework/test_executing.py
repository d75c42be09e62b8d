"""An action is done once, whoever is killed, overtaken or told nonsense meanwhile."""

from __future__ import annotations

import pytest

from healer.actuators.protocol import AmbiguousResult, Finding, NotNow, Refused, StaleFence
from healer.casework import executing, holding
from meshconsole.healing.cases.steps import LEASE, step_record, step_take_over
from meshconsole.healing.models import Remediation
from meshconsole.inventory.models import Instance
from tests.harness.healing import World

pytestmark = pytest.mark.django_db


def begun(world: World) -> Remediation:
    """A step whose worker was killed between its begin and the first word to the actuator."""
    world.actuator.breaks = KeyboardInterrupt()
    world.report()
    with pytest.raises(KeyboardInterrupt):
        world.until("verifying")
    world.actuator.breaks = None
    return world.step()


def test_a_step_whose_worker_was_killed_is_resumed_when_its_lease_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = begun(world)
    assert (step.state, step.attempt, world.actuator.done) == ("running", 1, [])
    monkeypatch.setattr(holding, "owner", lambda: "another")
    monkeypatch.setattr(executing, "owner", lambda: "another")
    for _ in range(int(LEASE.total_seconds()) - 1):
        world.tick()
        assert world.actuator.done == []
    world.until("verifying")
    after = world.step()
    assert (after.attempt, after.state) == (2, "succeeded")
    assert after.fence > step.fence
    assert after.key == step.key
    assert world.actuator.done == [("restart_process", "order-1")]


def test_whoever_takes_over_asks_first_and_does_nothing_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.actuator.breaks_after_effect = True
    step = begun(world)
    assert (step.state, len(world.actuator.done)) == ("running", 1)
    monkeypatch.setattr(holding, "owner", lambda: "another")
    monkeypatch.setattr(executing, "owner", lambda: "another")
    calls = len(world.actuator.calls)
    world.until("verifying")
    assert world.actuator.calls[calls:] == ["status"]
    assert len(world.actuator.done) == 1


def test_an_outdated_fence_writes_nothing(world: World) -> None:
    step = begun(world)
    later = Remediation.objects.get(pk=step.pk)
    world.clock.forward(60)
    assert step_take_over(later, owner="another", now=world.clock.now)
    assert not step_take_over(step, owner="me", now=world.clock.now)
    failed = executing._S.FAILED
    assert not step_record(step, state=failed, detail="Late.", now=world.clock.now)
    assert world.step().state == "running"


def test_an_actuator_that_refuses_an_overtaken_worker_is_left_alone(world: World) -> None:
    world.actuator.refuses = StaleFence("A later one was here.")
    world.report()
    world.until("acting")
    world.tick()
    assert world.step().state == "running"


@pytest.mark.parametrize("error", [NotNow("Busy."), AmbiguousResult("Who knows.")])
def test_what_is_not_known_is_asked_about_until_it_is(world: World, error: Exception) -> None:
    world.actuator.breaks, world.actuator.breaks_after_effect = error, True
    world.report()
    world.until("acting", "verifying")
    assert world.case().state == "acting"
    world.actuator.breaks = None
    world.until("resolved")
    assert world.actuator.calls.count("execute") == 1
    assert len(world.actuator.done) == 1


def test_what_an_actuator_refuses_fails_and_the_next_rung_is_asked_for(world: World) -> None:
    world.actuator.refuses = Refused("No such unit.")
    world.report()
    world.until("failed", "awaiting_approval")
    case = world.until("awaiting_approval", "escalated", seconds=30)
    events = list(case.entries.values_list("event", flat=True))
    assert events[-3:] == ["act_failed", "next_rung", "approval_needed"]
    assert case.plan is not None
    assert case.plan["action"] == "restart_host"
    assert "No such unit" in str(case.remediations.get().detail)


def test_what_a_dry_run_finds_impossible_is_not_begun_and_nothing_is_drained(
    world: World,
) -> None:
    world.actuator.finding = Finding(ok=False, detail="It has no such process.")
    world.report()
    world.until("draining")
    world.until("gated", "failed")
    assert Instance.objects.get(instance_id="order-1").state == "serving"
    assert world.step().started_at is None
    assert "no such process" in world.step().detail
    assert "execute" not in world.actuator.calls


def test_a_rung_that_the_actuator_cannot_do_is_left_out(world: World) -> None:
    world.actuator.actions = frozenset({"restart_host", "remove"})
    world.report()
    case = world.until("awaiting_approval", seconds=2)
    assert case.plan is not None
    assert case.plan["action"] == "restart_host"
