"""Evidence: what failed is held against the time in which it came."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from meshconsole.core import redis
from meshconsole.healing import models
from meshconsole.inventory.models import Instance
from meshconsole.rollouts.evidence import (
    Baseline,
    baseline_read,
    counted_from,
    facts_read,
    hard_facts_read,
    minute_moved,
    told_read,
)
from meshconsole.rollouts.facts import Handshakes
from meshconsole.rollouts.kinds.protocol import Seen, Work
from meshconsole.rollouts.models import Rollout, Target, Wave
from meshconsole.telemetry import links
from proxy.contract.reports import LinkCounts, LinkState
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db


def work(mesh: Mesh, *, later: timedelta = timedelta()) -> Work:
    """The one instance that a wave has reached, as it is told of now."""
    wave = Wave(soak_seconds=60)
    targets = [Target(instance="order-7")]
    return Work(Rollout(), wave, targets, mesh.now + later, told=told_read())


def failed(mesh: Mesh, count: int) -> None:
    mesh.ledger["order-1"] = LinkCounts(
        side="out", app="order", instance="order-7", protocol="http1", handshakes_failed=count
    )
    mesh.tell()


def begun(mesh: Mesh) -> Baseline:
    mesh.states = {name: LinkState() for name in mesh.names}
    failed(mesh, 0)
    return baseline_read(work(mesh), [])


def handshakes(mesh: Mesh, baseline: Baseline) -> Handshakes:
    found = hard_facts_read(work(mesh), baseline).handshakes
    assert found is not None
    return found


def test_a_burst_of_failed_handshakes_is_seen_across_the_border_of_a_minute(mesh: Mesh) -> None:
    baseline = begun(mesh)
    failed(mesh, 9)
    moved = minute_moved(work(mesh, later=timedelta(seconds=70)), baseline)
    assert moved is not None
    assert handshakes(mesh, moved).worst_failed == 9


def test_what_failed_while_nobody_looked_is_not_of_one_minute(mesh: Mesh) -> None:
    baseline = begun(mesh)
    failed(mesh, 9)
    moved = minute_moved(work(mesh, later=timedelta(hours=1)), baseline)
    assert moved is not None
    assert handshakes(mesh, moved).worst_failed == 0
    failed(mesh, 13)
    assert handshakes(mesh, moved).worst_failed == 4


def found_failing(mesh: Mesh, rule: str, reporter: str) -> None:
    """One caller says that order-7 fails."""
    seat = {"subject_app": "order", "subject_unit": "unit1"}
    times = {"first_at": mesh.now, "last_at": mesh.now, "updated_at": mesh.now}
    row = models.Anomaly.objects.create(
        subject_instance="order-7",
        rule=rule,
        state="recovered",
        published_at=mesh.now,
        **seat,
        **times,
    )
    models.Testimony.objects.create(
        anomaly=row, reporter_instance=reporter, reporter_app="shop", reporter_unit="unit1",
        said_at=mesh.now,
    )  # fmt: skip


def test_an_instance_is_found_failing_by_the_word_of_two(mesh: Mesh) -> None:
    baseline = begun(mesh)
    found_failing(mesh, "connect", "shop-1")
    found_failing(mesh, "timeout", "shop-1")
    facts = facts_read(work(mesh), baseline, [], Seen(), 1)
    assert (facts.ejections, facts.alone_ejections, facts.alone_ejector) == (0, 1, "shop-1")
    found_failing(mesh, "5xx", "shop-2")
    facts = facts_read(work(mesh), baseline, [], Seen(), 1)
    assert (facts.ejections, facts.alone_ejections) == (1, 0)


def test_who_of_the_wave_has_not_spoken_is_told_unless_it_is_gone(mesh: Mesh) -> None:
    baseline = begun(mesh)
    wave, named = Wave(soak_seconds=60), ("order-7", "order-8", "order-9")
    targets = [Target(instance=name) for name in named]
    redis.client().hdel(links.TOLD, "order-8 b1", "order-9 b1")
    Instance.objects.filter(instance_id="order-9").update(state="gone")
    whole = Work(Rollout(), wave, targets, mesh.now, told=told_read())
    assert hard_facts_read(whole, baseline).untold == ("order-8",)
    later = replace(whole, now=mesh.now + timedelta(seconds=91))
    assert hard_facts_read(later, baseline).untold == ("order-7", "order-8")


def test_plaintext_is_counted_that_the_wave_refused_since_it_began(mesh: Mesh) -> None:
    mesh.states = {name: LinkState(plain_refused=5) for name in mesh.names}
    failed(mesh, 0)
    baseline = baseline_read(work(mesh), [])
    assert hard_facts_read(work(mesh), baseline).plain_refused == 0
    sources = ("10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.6")
    mesh.states = {
        name: LinkState(plain_refused=9, plain_sources=sources) for name in ("order-7", "order-1")
    }
    mesh.tell()
    found = hard_facts_read(work(mesh), baseline)
    assert (found.plain_refused, found.plain_sources) == (4, ("10.0.0.6", "10.0.0.9", "10.0.0.8"))


def test_a_soak_lasts_as_long_as_traffic_is_counted_for_it(mesh: Mesh) -> None:
    begun = mesh.now.replace(second=3)
    assert counted_from(begun) == begun.replace(second=10)
    assert counted_from(begun.replace(second=10)) == begun.replace(second=10)
