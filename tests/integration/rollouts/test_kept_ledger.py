"""The ledger of a rollout ends with it: sidecars count on, its page and its downloads do not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest

from meshconsole.core import redis
from meshconsole.rollouts import evidence
from meshconsole.rollouts.ledger_pages import ledger_of
from meshconsole.rollouts.models import KeptLedger, Rollout
from meshconsole.rollouts.pages import cut_of
from meshconsole.rollouts.selectors import rollout_shown
from meshconsole.rollouts.services import (
    rollout_create,
    rollout_plan,
    rollout_rollback,
    rollout_start,
)
from meshconsole.rollouts.states import RolloutState
from meshconsole.telemetry import links
from proxy.contract.reports import LinkCounts
from tests.harness.rollouts import Mesh, follow_modes

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db


def serving(mesh: Mesh) -> None:
    """Every sidecar has called another one once more."""
    follow_modes(mesh)
    for name in mesh.names:
        known = mesh.ledger.get(name) or LinkCounts(
            side="out", app="order", instance="order-1", protocol="http1"
        )
        mesh.ledger[name] = msgspec.structs.replace(
            known, started=known.started + 1, completed=known.completed + 1
        )


@pytest.fixture
def row(mesh: Mesh) -> Rollout:
    mesh.each_second = serving
    serving(mesh)
    mesh.begin()
    spec = {"to": "permissive", "soak_scale": 0.01, "min_requests": 100}
    made = rollout_create(
        kind="tls_mode", application="order", spec=spec, actor="ann", now=mesh.now
    )
    rollout_plan(pk=made.pk, actor="ann", now=mesh.now)
    return rollout_start(pk=made.pk, actor="ann", now=mesh.now)


def counted(row: Rollout, mesh: Mesh) -> tuple[int, int]:
    """Requests of the headline, and of the ledger's edges."""
    cut = cut_of(rollout_shown(row.pk, mesh.now).waves)
    edges = ledger_of(row).edges
    assert cut is not None
    assert edges is not None
    return cut.started, sum(edge.totals.started for edge in edges)


@pytest.mark.parametrize("is_undone", [False, True])
def test_what_was_counted_by_the_end_is_what_is_shown_and_taken_along(
    mesh: Mesh, row: Rollout, browser_of: Callable[[str], Client], *, is_undone: bool
) -> None:
    if is_undone:
        mesh.until_wave(row, 2)
        rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    assert mesh.finish(row) in (RolloutState.COMPLETED, RolloutState.ROLLED_BACK)
    before = counted(row, mesh)
    assert all(before)
    mesh.run(30)
    assert counted(row, mesh) == before
    redis.client().delete(links.TOLD)
    assert counted(row, mesh) == before, "nor does it go with the sidecars"
    viewer = browser_of("viewer")
    said = viewer.get(f"/rollouts/{row.pk}/ledger.csv").content.decode()
    assert sum(int(one["started"]) for one in csv.DictReader(io.StringIO(said))) == before[1]
    body = viewer.get(f"/rollouts/{row.pk}/ledger.json").json()
    assert (body["is_final"], body["of"]) == (True, before[0])
    page = viewer.get(f"/rollouts/{row.pk}/").content.decode()
    assert "As it stood when the rollout ended" in page


def test_one_that_runs_counts_on(mesh: Mesh, row: Rollout) -> None:
    mesh.until_wave(row, 2)
    before = counted(row, mesh)
    mesh.run(3)
    after = counted(row, mesh)
    assert after[0] > before[0]
    assert after[1] > before[1]


def test_an_end_without_redis_is_told_as_not_known(
    mesh: Mesh, row: Rollout, monkeypatch: pytest.MonkeyPatch, browser_of: Callable[[str], Client]
) -> None:
    monkeypatch.setattr("meshconsole.rollouts.progressing.told_read", lambda: None)
    assert evidence.told_read() is not None
    assert mesh.finish(row) == RolloutState.COMPLETED
    assert not KeptLedger.objects.get().is_known
    said = browser_of("viewer").get(f"/rollouts/{row.pk}/").content.decode()
    assert "Not known when it ended" in said


def test_what_is_too_much_to_keep_is_counted(
    mesh: Mesh, row: Rollout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshconsole.rollouts.keeping.COUNTERS_LIMIT", 4)
    assert mesh.finish(row) == RolloutState.COMPLETED
    assert KeptLedger.objects.get().left_out == 5
