"""TLS modes by waves: up by the sidecars' word, down in the safe order, and back when it trips."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from meshconsole.core import redis
from meshconsole.core.errors import Conflict
from meshconsole.encryption.models import LinkPolicy
from meshconsole.encryption.selectors import modes_of
from meshconsole.encryption.services import mode_default_set
from meshconsole.inventory.models import Instance
from meshconsole.inventory.states import InstanceState
from meshconsole.rollouts.models import Decision, Rollout
from meshconsole.rollouts.services import (
    rollout_approve,
    rollout_create,
    rollout_plan,
    rollout_rollback,
    rollout_start,
)
from meshconsole.rollouts.states import RolloutState
from meshconsole.telemetry import links
from meshconsole.telemetry.store import EdgeKey, bucket_of, edges_key, encode_edges
from meshconsole.telemetry.tally import Tally
from proxy.contract.reports import LinkCounts, LinkState
from tests.factories import an_instance
from tests.harness.rollouts import Mesh, follow_modes

pytestmark = pytest.mark.django_db
SCALE = 0.01


@pytest.fixture(autouse=True)
def _speaking(mesh: Mesh) -> None:
    mesh.each_second = follow_modes
    for name in mesh.names:
        mesh.ledger[name] = LinkCounts(side="in", app="", protocol="http1", started=100)
    follow_modes(mesh)
    mesh.begin()


def started(mesh: Mesh, to: str, *, application: str = "order", **spec: Any) -> Rollout:
    given = {"to": to, "soak_scale": SCALE, "min_requests": 100} | spec
    row = rollout_create(
        kind="tls_mode", application=application, spec=given, actor="ann", now=mesh.now
    )
    rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    row = rollout_start(pk=row.pk, actor="ann", now=mesh.now)
    if row.state == RolloutState.AWAITING_APPROVAL:
        row = rollout_approve(pk=row.pk, actor="bob", now=mesh.now)
    return row


def modes() -> Counter[str]:
    return Counter(modes_of("order").values())


def test_nine_instances_become_preferred_untouched(mesh: Mesh) -> None:
    row = started(mesh, "preferred")
    begun = mesh.now
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert modes() == {"preferred": 9}
    assert (mesh.now - begun).total_seconds() < 90
    assert [wave.targets.count() for wave in row.waves.all()] == [1, 1, 3, 4]
    assert LinkPolicy.objects.get().mode == "preferred"
    an_instance("order-10")
    assert modes() == {"preferred": 10}


def test_what_is_in_force_already_is_not_begun(mesh: Mesh) -> None:
    with pytest.raises(Conflict, match="nothing to change"):
        started(mesh, "plaintext")


def test_nobody_is_preferred_whose_sidecar_cannot_prove_itself(mesh: Mesh) -> None:
    def unready(mesh: Mesh) -> None:
        follow_modes(mesh)
        state = mesh.states["order-1"]
        mesh.states["order-1"] = msgspec.structs.replace(state, ready=False, reason="no key")

    mesh.each_second = unready
    row = started(mesh, "preferred")
    assert mesh.finish(row) == RolloutState.PAUSED
    assert modes_of("order")["order-1"] == "permissive"
    assert "order-1" in row.note
    assert "no key" in row.waves.get(number=1).targets.get().note


def test_a_cut_request_takes_everything_back_at_once(mesh: Mesh) -> None:
    row = started(mesh, "preferred")
    mesh.until_wave(row, 2)
    (second,) = row.waves.get(number=2).targets.values_list("instance", flat=True)
    mesh.ledger[second] = msgspec.structs.replace(mesh.ledger[second], cut=1)
    mesh.run(6)
    row.refresh_from_db()
    assert row.state == RolloutState.ROLLING_BACK
    assert modes() == {"plaintext": 7, "permissive": 2}, "not advertised, and still accepted"
    assert mesh.finish(row) == RolloutState.ROLLED_BACK
    assert modes() == {"plaintext": 9}
    assert "cut: 1 cut of" in Decision.objects.get(verb="gate_failed").why
    assert not row.waves.filter(targets__reverted_at=None).exclude(state="planned").exists()


@pytest.mark.parametrize(("callers", "state"), [(2, "rolled_back"), (1, "paused")])
def test_a_wave_that_fails_handshakes_is_taken_back_by_the_word_of_two_and_says_the_edge(
    mesh: Mesh, callers: int, state: str
) -> None:
    names = [f"gateway-{number + 1}" for number in range(callers)]
    for name in names:
        an_instance(name, application="gateway")
    mesh.names += names
    row = started(mesh, "preferred")

    def failing(mesh: Mesh) -> None:
        follow_modes(mesh)
        if mesh.states["order-1"].mode == "preferred":
            for name in names:
                mesh.ledger[name] = LinkCounts(
                    side="out",
                    app="order",
                    instance="order-1",
                    protocol="http1",
                    opened=3,
                    handshakes_failed=4,
                )

    mesh.each_second = failing
    assert mesh.finish(row) == state
    assert "gateway-1 -> order-1" in Decision.objects.get(verb__in=("gate_failed", "paused")).why


def test_twenty_milliseconds_more_are_taken_back_and_say_the_number(mesh: Mesh) -> None:
    row = started(mesh, "preferred")

    def slow(mesh: Mesh) -> None:
        follow_modes(mesh)
        for name, mode in modes_of("order").items():
            mesh.of(name).bucket = 4 if mode == "preferred" else 2

    mesh.each_second = slow
    assert mesh.finish(row) == RolloutState.ROLLED_BACK
    why = Decision.objects.get(verb="gate_failed").why
    assert why.startswith("p99: p99 went from")
    assert row.waves.filter(state="reverted").count() == 1


def test_strict_is_a_second_ladder_and_waits_for_the_last_plaintext(mesh: Mesh) -> None:
    row = started(mesh, "strict")
    assert row.approval == "Strict refuses callers."
    assert [wave.stage for wave in row.waves.all()] == ["preferred"] * 4 + ["strict"] * 4
    assert row.waves.get(number=5).hold_seconds == 60, "as long as the quiet that it is held to"

    def plain(mesh: Mesh) -> None:
        follow_modes(mesh)
        state = mesh.states["order-2"]
        mesh.states["order-2"] = msgspec.structs.replace(
            state, plain_connections=3, plain_sources=("10.0.0.9",)
        )

    mesh.each_second = plain
    assert mesh.finish(row) == RolloutState.PAUSED
    assert "3 connections in plaintext open, from 10.0.0.9" in row.note
    assert modes() == {"preferred": 9}


def test_strict_waits_out_the_last_plaintext_with_a_countdown_and_no_pause(mesh: Mesh) -> None:
    row = started(mesh, "strict")
    last: list[float] = []

    def late(mesh: Mesh) -> None:
        follow_modes(mesh)
        hold = row.waves.get(number=5).hold_until
        # The last call in plaintext comes when the hold is nearly over.
        if hold is not None and not last and (hold - mesh.now).total_seconds() < 10:
            last.append(mesh.now.timestamp())
            call_plainly(mesh)

    mesh.each_second = late
    for _ in range(200):
        mesh.run(1)
        row.refresh_from_db()
        if "Strict waits for 1 min without plaintext" in row.note:
            break
    wave = row.waves.get(number=5)
    assert "shop sent 5 requests in plaintext to order" in row.note
    assert wave.hold_until is not None
    assert 60 <= wave.hold_until.timestamp() - last[0] <= 75
    mesh.until_wave(row, 5)
    begun = row.waves.get(number=5).begun_at
    assert begun is not None
    assert begun.timestamp() - last[0] >= 60, "the rule itself is not shortened"
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert not Decision.objects.filter(rollout=row, verb="paused").exists()


def test_strict_asks_a_person_when_plaintext_does_not_end(mesh: Mesh) -> None:
    row = started(mesh, "strict")

    def always(mesh: Mesh) -> None:
        follow_modes(mesh)
        call_plainly(mesh)

    mesh.each_second = always
    assert mesh.finish(row) == RolloutState.PAUSED
    assert row.note.startswith("Not begun: shop sent")
    assert modes() == {"preferred": 9}


def test_strict_arrives_when_nothing_comes_in_plaintext(mesh: Mesh) -> None:
    row = started(mesh, "strict")
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert modes() == {"strict": 9}


def test_down_from_strict_passes_every_mode_in_order(mesh: Mesh) -> None:
    mode_default_set("order", "strict", actor="ann", reason="", force=True)
    follow_modes(mesh)
    row = started(mesh, "plaintext")
    assert [wave.stage for wave in row.waves.all()] == ["permissive"] * 4 + ["plaintext"] * 4
    seen: list[str] = []

    def follow(mesh: Mesh) -> None:
        follow_modes(mesh)
        mode = modes_of("order")["order-1"]
        if not seen or seen[-1] != mode:
            seen.append(mode)

    mesh.each_second = follow
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert seen == ["strict", "preferred", "permissive", "plaintext"]


def test_an_instance_that_is_gone_is_left_out_and_needs_nothing_undone(mesh: Mesh) -> None:
    row = started(mesh, "preferred")
    mesh.until_wave(row, 2)
    (first,) = row.waves.get(number=1).targets.values_list("instance", flat=True)
    an_instance(first).__class__.objects.filter(instance_id=first).update(state="gone")
    rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    assert mesh.finish(row) == RolloutState.ROLLED_BACK, row.note


def test_the_whole_mesh_owns_every_part_of_it(mesh: Mesh) -> None:
    an_instance("stock-1", application="stock")
    mesh.names.append("stock-1")
    follow_modes(mesh)
    row = started(mesh, "permissive", application="")
    assert row.approval == "It concerns the whole mesh."
    assert {t.application for w in row.waves.all() for t in w.targets.all()} == {"order", "stock"}
    with pytest.raises(Conflict, match="changes the same thing"):
        started(mesh, "permissive")


def test_a_sidecar_that_is_too_old_is_a_blocker(mesh: Mesh) -> None:
    an_instance("order-10", caps=["service"])
    with pytest.raises(Conflict, match="order-10 is too old"):
        started(mesh, "preferred")


def test_sidecars_that_say_nothing_hold_the_wave(mesh: Mesh) -> None:
    mesh.silent.add("order-1")
    mesh.states["order-1"] = LinkState()
    row = started(mesh, "permissive")
    assert mesh.finish(row) == RolloutState.PAUSED
    assert "order-1: its sidecar is plaintext still" in row.note


@pytest.mark.parametrize(("before", "to"), [("plaintext", "preferred"), ("strict", "plaintext")])
def test_who_joins_in_the_middle_leaps_over_no_step(mesh: Mesh, before: str, to: str) -> None:
    mode_default_set("order", before, actor="ann", reason="", force=True)  # type: ignore[arg-type]
    mesh.run(1)
    row = started(mesh, to)
    mesh.until_wave(row, 3)
    joins(mesh, "order-10")
    assert mesh.finish(row, seconds=900) == RolloutState.COMPLETED, row.note
    assert modes_of("order").pop("order-10") == before
    assert "order-10" in Decision.objects.get(verb="left_out").why
    an_instance("order-11")
    assert modes() == {to: 10, before: 1}


def test_who_leaves_in_the_middle_of_a_wave_is_waited_for_by_nobody(mesh: Mesh) -> None:
    row = started(mesh, "preferred")
    mesh.until_wave(row, 3)
    gone = row.waves.get(number=3).targets.values_list("instance", flat=True)[0]
    Instance.objects.filter(instance_id=gone).update(state=InstanceState.GONE)
    mesh.names.remove(gone)
    del mesh.states[gone]
    redis.client().hdel(links.TOLD, f"{gone} b1")
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert modes() == {"preferred": 8}


def joins(mesh: Mesh, name: str) -> None:
    an_instance(name)
    mesh.names.append(name)
    mesh.ledger[name] = LinkCounts(side="in", app="", protocol="http1", started=100)


def call_plainly(mesh: Mesh) -> None:
    """Another application calls in plaintext just now."""
    at = bucket_of(mesh.now.timestamp())
    key = EdgeKey("out", "shop", "unit1", "Group_1", "order", "unit1", "Group_1", "", False)
    told = encode_edges(float(at), at + 10.0, {key: Tally(requests=5)})
    redis.client(text=False).hset(edges_key(at), mapping={"shard": told})
