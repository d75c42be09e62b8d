"""A step that breaks: it is said where people look, and left to a person when each one does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from meshconsole.core.errors import Conflict, Degraded
from meshconsole.rollouts import engine, evidence, services
from meshconsole.rollouts.kinds.registry import KINDS
from meshconsole.rollouts.models import Rollout
from meshconsole.telemetry import links
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db


def started(mesh: Mesh) -> Rollout:
    spec = {"split": {"Group_1": 40, "Group_2": 60}, "soak_scale": 0.01, "min_requests": 100}
    row = services.rollout_create(
        kind="route_table", application="order", spec=spec, actor="ann", now=mesh.now
    )
    services.rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    return services.rollout_start(pk=row.pk, actor="ann", now=mesh.now, reason="try", bypass=True)


def breaking(monkeypatch: pytest.MonkeyPatch, where: str, error: Exception) -> None:
    def breaks(*given: Any) -> Any:
        raise error

    monkeypatch.setattr(type(KINDS["route_table"]), where, breaks)


def steps(row: Rollout, mesh: Mesh, count: int) -> None:
    for _ in range(count):
        mesh.now += timedelta(seconds=15)
        services.rollouts_advance(mesh.now)
    row.refresh_from_db()


@pytest.mark.parametrize(
    ("where", "state", "given_up"),
    [("observe", "progressing", "paused"), ("undone", "rolling_back", "stuck")],
)
def test_a_step_that_breaks_is_noted_and_at_last_left_to_a_person(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch, where: str, state: str, given_up: str
) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1, "applying")
    if where == "undone":
        services.rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    with monkeypatch.context() as patched:
        breaking(patched, where, KeyError("internals"))
        steps(row, mesh, engine.TRIES - 1)
        assert (row.state, row.faults) == (state, engine.TRIES - 1)
        assert "the console's log tells" in row.note
        assert "internals" not in row.note
        steps(row, mesh, 1)
    assert (row.state, row.faults) == (given_up, 0)
    assert f"{engine.TRIES} times in a row" in row.note


def test_a_step_that_goes_well_forgets_those_that_broke(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1, "applying")
    with monkeypatch.context() as patched:
        breaking(patched, "observe", KeyError("internals"))
        steps(row, mesh, 2)
    assert row.faults == 2
    steps(row, mesh, 1)
    assert row.faults == 0


@pytest.mark.parametrize(
    ("error", "state"),
    [(Conflict("It is gone for good."), "stuck"), (Degraded("Redis is away."), "rolling_back")],
)
def test_a_rollback_that_cannot_be_seen_to_end_is_stuck_unless_that_may_pass(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1, "applying")
    services.rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    breaking(monkeypatch, "undone", error)
    steps(row, mesh, 1)
    assert (row.state, row.note) == (state, str(error))


def test_a_rollback_of_a_kind_that_is_not_known_any_more_is_stuck(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1, "applying")
    services.rollout_rollback(pk=row.pk, actor="ann", now=mesh.now)
    Rollout.objects.update(kind="forgotten")
    steps(row, mesh, 1)
    assert row.state == "stuck"
    assert "There is no kind 'forgotten'" in row.note


@pytest.mark.parametrize("unread", ["total_of", "counts_of"])
def test_a_wave_does_not_begin_while_redis_cannot_say_what_was_before(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch, unread: str
) -> None:
    def away(*given: Any) -> Any:
        raise Degraded("Redis is away.")

    row = started(mesh)
    with monkeypatch.context() as patched:
        if unread == "total_of":
            patched.setattr(evidence, unread, away)
        else:
            patched.setattr(links, "read", away)
        steps(row, mesh, 4)
    assert (row.state, row.waves.get(number=1).state) == ("progressing", "planned")
    assert row.note == "Wave 1 waits for Redis to answer."
    steps(row, mesh, 1)
    assert row.waves.get(number=1).state == "applying"


def test_a_clock_that_leaps_ahead_makes_no_soak_shorter(mesh: Mesh) -> None:
    row = started(mesh)
    mesh.until_wave(row, 1)
    mesh.now += timedelta(hours=1)
    mesh.run(3)
    assert row.waves.get(number=1).state == "soaking"
    mesh.run(5)
    assert row.waves.get(number=1).state == "passed"
