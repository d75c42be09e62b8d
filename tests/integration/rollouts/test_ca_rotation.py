"""The authority rotates in phases that each wait for every sidecar, and comes back in reverse."""

from __future__ import annotations

import pytest

from meshconsole.encryption.authority import key_identifier
from meshconsole.encryption.keeping import authority_ensure
from meshconsole.encryption.models import Authority
from meshconsole.encryption.rotation import authority_add
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.services import (
    rollout_approve,
    rollout_create,
    rollout_plan,
    rollout_rollback,
    rollout_start,
)
from meshconsole.rollouts.states import RolloutState
from proxy.contract.reports import LinkCounts, LinkState
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db


def follow_authority(mesh: Mesh) -> None:
    """Sidecars trust what is in force and renew their leaves when another one signs."""
    rows = list(Authority.objects.exclude(state="retired"))
    trusts = tuple(key_identifier(row.certificate) for row in rows)
    issuer = next(key_identifier(row.certificate) for row in rows if row.state == "signing")
    for name in mesh.names:
        if name not in mesh.silent:
            mesh.states[name] = LinkState(mode="strict", ready=True, issuer=issuer, trusts=trusts)


@pytest.fixture(autouse=True)
def _rooted(mesh: Mesh) -> None:
    authority_ensure(mesh.now)
    mesh.each_second = follow_authority
    for name in mesh.names:
        mesh.ledger[name] = LinkCounts(side="in", app="", protocol="http1", started=100)
    follow_authority(mesh)
    mesh.begin()


def started(mesh: Mesh) -> Rollout:
    row = rollout_create(
        kind="ca_rotation",
        application="",
        spec={"soak_scale": 0.01, "min_requests": 100},
        actor="ann",
        now=mesh.now,
    )
    rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    assert rollout_start(pk=row.pk, actor="ann", now=mesh.now).state == "awaiting_approval"
    return rollout_approve(pk=row.pk, actor="bob", now=mesh.now)


def states() -> dict[int, str]:
    return dict(Authority.objects.order_by("generation").values_list("generation", "state"))


def test_a_new_generation_comes_into_force_in_three_phases(mesh: Mesh) -> None:
    row = started(mesh)
    seen: list[dict[int, str]] = []

    def follow(mesh: Mesh) -> None:
        follow_authority(mesh)
        if not seen or seen[-1] != states():
            seen.append(states())

    mesh.each_second = follow
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note
    assert seen == [
        {1: "signing"},
        {1: "signing", 2: "trusted"},
        {1: "trusted", 2: "signing"},
        {1: "retired", 2: "signing"},
    ]


def test_nothing_is_signed_with_what_somebody_does_not_trust(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.silent.add("order-3")
    mesh.run(300)
    row.refresh_from_db()
    assert row.state == RolloutState.PROGRESSING
    assert "order-3: does not trust generation 2 yet" in row.note
    assert states() == {1: "signing", 2: "trusted"}
    mesh.silent.clear()
    assert mesh.finish(row) == RolloutState.COMPLETED, row.note


def test_the_way_back_signs_with_the_old_one_and_retires_the_new(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.until_wave(row, 2)
    assert states() == {1: "trusted", 2: "signing"}
    rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    assert mesh.finish(row) == RolloutState.ROLLED_BACK, row.note
    assert states() == {1: "signing", 2: "retired"}


def test_what_was_dropped_is_never_trusted_again(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.until_wave(row, 3)
    rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    assert mesh.finish(row) == RolloutState.STUCK
    assert "never trusted again" in row.note
    assert states() == {1: "retired", 2: "signing"}


def test_a_rotation_that_was_begun_by_hand_is_ended_by_hand(mesh: Mesh) -> None:
    authority_add(now=mesh.now, actor="ann")
    with pytest.raises(Exception, match="Generation 2 is trusted and does not sign"):
        started(mesh)
