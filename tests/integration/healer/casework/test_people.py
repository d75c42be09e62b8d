"""Removals that people ask for, reporters in doubt, and what Redis says of a drain."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from healer.casework.draining import SETTLED, TOLD, in_flight_at
from meshconsole.core.redis import client
from meshconsole.healing.approvals.votes import approval_vote
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.verbs import removal_start
from meshconsole.healing.models import HealingCase
from meshconsole.inventory.models import Instance
from meshconsole.telemetry.links import TOLD as LINKS, Told, encode
from proxy.contract.reports import LinkCounts
from tests.harness.healing import World

pytestmark = pytest.mark.django_db


def state_of(instance: str) -> str:
    return str(Instance.objects.get(instance_id=instance).state)


def test_an_instance_is_removed_when_two_others_say_so(world: World) -> None:
    world.ill.clear()
    case = removal_start(
        instance="order-5", actor="ann", reason="Old machine.", now=world.clock.now
    )
    world.tick()
    asked = Approval.objects.get()
    assert (asked.action, asked.needed, asked.requested_by) == ("remove", 2, "ann")
    for user in ("bob", "cleo"):
        world.tick()
        assert world.actuator.done == []
        approval_vote(
            pk=asked.pk, user=user, decision="approve", reason="Yes.", now=world.clock.now,
            confirm="order-5",
        )  # fmt: skip
    world.until("draining")
    world.tick()
    assert state_of("order-5") == "draining"
    done = world.until("removed", seconds=20)
    assert done.pk == case.pk
    assert world.actuator.done == [("remove", "order-5")]
    assert (done.outcome, state_of("order-5")) == ("removed", "gone")


def test_a_removal_that_somebody_rejects_is_over_and_nothing_was_done(world: World) -> None:
    world.ill.clear()
    removal_start(instance="order-5", actor="ann", reason="Old.", now=world.clock.now)
    world.tick()
    approval_vote(
        pk=Approval.objects.get().pk, user="bob", decision="reject", reason="No.",
        now=world.clock.now,
    )  # fmt: skip
    world.tick()
    case = world.case()
    assert (case.state, case.outcome) == ("dismissed", "rejected")
    assert state_of("order-5") == "serving"


def test_who_reports_half_the_mesh_alone_gets_a_case_of_its_own(world: World) -> None:
    world.ill = {"order-1", "order-2", "gateway-2"}
    for _ in range(6):
        world.report("gateway-1", mode="report")
        world.tick(6)
    cases = {case.instance: case for case in HealingCase.objects.all()}
    assert cases["gateway-1"].trigger == "reporter"
    assert cases["order-1"].outcome == "reporter_blamed"
    assert world.actuator.done == []


def test_one_report_is_no_evidence(world: World) -> None:
    for _ in range(12):
        world.report("gateway-1")
        world.tick(30)
    assert world.actuator.done == []
    assert not HealingCase.objects.filter(state__in=("draining", "acting")).exists()


def test_a_drain_is_over_when_its_sidecar_said_so_after_it_was_unpublished(
    mesh_redis: str,
) -> None:
    now = timezone.now()
    since = now - SETTLED - timedelta(seconds=1)
    told("order-1", at=since.timestamp(), in_flight=3)
    assert in_flight_at("order-1", now=now, since=since) is None
    assert in_flight_at("order-1", now=now + TOLD, since=since) == 3
    told("order-1", at=now.timestamp(), in_flight=0)
    assert in_flight_at("order-1", now=now, since=since) == 0
    assert in_flight_at("order-9", now=now, since=since) is None


def told(instance: str, *, at: float, in_flight: int) -> None:
    edge = LinkCounts(side="in", app="gateway", protocol="h1", in_flight=in_flight)
    word = Told(instance=instance, app="order", unit="unit1", boot="b", at=at, edges=(edge,))
    client(text=False).hset(LINKS, word.name, encode(word).decode())
