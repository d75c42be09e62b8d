"""Ticks, kills and verbs in any order: one owner, every wave judged, nothing half undone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

from meshconsole.core.errors import MeshError
from meshconsole.encryption.selectors import modes_of
from meshconsole.rollouts import engine, services
from meshconsole.rollouts.kinds.registry import KINDS
from meshconsole.rollouts.models import Decision, Rollout, Wave
from meshconsole.rollouts.states import MOVING, OWNING, TERMINAL, RolloutState
from meshconsole.steering.models import Route, RouteVersion
from proxy.contract.reports import LinkCounts
from tests.factories import an_instance
from tests.harness.rollouts import Mesh, follow_modes

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

VERBS = {
    "start": 8, "resume": 8, "promote": 3, "pause": 2, "plan": 2, "rollback": 1, "abort": 1,
}  # fmt: skip
"""With how often each is said."""


class Killed(BaseException):
    """The worker is no more."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, kind: str, where: str) -> Iterator[None]:
    """Whoever moves a rollout dies right after this part of its step."""
    lives = getattr(type(KINDS[kind]), where)

    def dies(*given: Any) -> Any:
        lives(*given)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(type(KINDS[kind]), where, dies)
        yield


def made(mesh: Mesh, kind: str) -> Rollout:
    wish: dict[str, Any] = {"soak_scale": 0.01, "min_requests": 50}
    wish |= {"to": "preferred"} if kind == "tls_mode" else {"split": {"Group_1": 40, "Group_2": 60}}
    return services.rollout_create(
        kind=kind, application="order", spec=wish, actor="ann", now=mesh.now
    )


def check(first: Mapping[str, str]) -> None:
    """What holds at every moment."""
    owners = [(row.kind, row.application) for row in Rollout.objects.filter(state__in=OWNING)]
    assert len(owners) == len(set(owners))
    for row in Rollout.objects.all():
        waves = list(row.waves.all())
        for wave, after in pairwise(waves):
            if after.begun_at is not None:
                assert wave.passed_at is not None, "a wave began before the one before had passed"
        for wave in waves:
            if wave.passed_at is not None:
                assert_judged(wave)
        if row.state == RolloutState.ROLLED_BACK:
            begun = [wave for wave in waves if wave.begun_at is not None]
            assert not any(w.targets.filter(reverted_at=None).exists() for w in begun)
        if row.state == RolloutState.COMPLETED:
            assert all(wave.passed_at is not None for wave in waves)
    if not Rollout.objects.filter(state__in=OWNING).exists() and not Rollout.objects.filter(
        state=RolloutState.COMPLETED
    ):
        assert modes_of("order") == first


def assert_judged(wave: Wave) -> None:
    """By every gate, or by a person who is named and whom no gate contradicts."""
    last = {one.verdict for one in wave.evaluations.filter(round=wave.rounds)}
    assert "fail" not in last
    if not wave.promoted_by:
        assert last == {"pass"}


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(10))
def test_whatever_happens_in_whatever_order(
    mesh: Mesh, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    kind = "tls_mode" if seed % 2 else "route_table"
    for name in mesh.names:
        mesh.ledger[name] = LinkCounts(side="in", app="", protocol="http1", started=100)
    mesh.each_second = follow_modes
    follow_modes(mesh)
    mesh.begin()
    first = modes_of("order")
    for _ in range(200):
        while Rollout.objects.exclude(state__in=TERMINAL).count() < 2:
            row = made(mesh, kind)
            services.rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
        happens(dice, mesh, kind, monkeypatch)
        check(first)
    mesh.silent.clear()
    for name in mesh.names:
        mesh.of(name).error_share = 0.0
    for _ in range(300):
        mesh.run(1)
        if not Rollout.objects.filter(state__in=MOVING).exists():
            break
    check(first)
    assert not Rollout.objects.filter(state__in=MOVING).exists(), "everything comes to rest"


def happens(dice: random.Random, mesh: Mesh, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thing of those that may."""
    chance = dice.random()
    if chance < 0.7:
        mesh.run(dice.choice([1, 1, 3]))
    elif chance < 0.8:
        where = dice.choice(["apply", "observe", "revert", "undone", "precheck", "control"])
        with dying(monkeypatch, kind, where), suppress(Killed):
            mesh.run(1)
    elif chance < 0.83:
        mesh.silent = set(dice.sample(mesh.names, dice.choice([0, 0, 0, 1])))
    elif chance < 0.85:
        mesh.of(dice.choice(mesh.names)).error_share = dice.choice([0.0, 0.0, 0.2])
    else:
        say(dice, mesh)


def say(dice: random.Random, mesh: Mesh) -> None:
    """A verb that may be refused, and then changes nothing."""
    rows = Rollout.objects.exclude(state__in=TERMINAL)
    pk = dice.choice(list(rows.values_list("pk", flat=True)))
    (verb,) = dice.choices(list(VERBS), list(VERBS.values()))
    more = {} if verb == "plan" else {"reason": dice.choice(["", "because"])}
    before = Rollout.objects.get(pk=pk).state
    try:
        getattr(services, f"rollout_{verb}")(pk=pk, actor="ann", now=mesh.now, **more)
    except MeshError:
        assert Rollout.objects.get(pk=pk).state == before


@pytest.mark.django_db
def test_a_worker_that_dies_after_writing_has_written_nothing(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made(mesh, "route_table")
    services.rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    services.rollout_start(pk=row.pk, actor="ann", now=mesh.now)
    mesh.run(1)
    with dying(monkeypatch, "route_table", "apply"), pytest.raises(Killed):
        mesh.run(1)
    assert not Route.objects.exists()
    assert row.waves.get(number=1).state == "planned"
    mesh.run(10)
    assert not Route.objects.exists(), "its claim holds for a while"
    mesh.run(10)
    assert RouteVersion.objects.count() == 1
    assert mesh.finish(row) == RolloutState.COMPLETED
    assert Decision.objects.filter(verb="wave_begun").count() == row.waves.count()


@pytest.mark.django_db
def test_a_verb_overtakes_a_step_that_was_reading(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = made(mesh, "route_table")
    services.rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    services.rollout_start(pk=row.pk, actor="ann", now=mesh.now)
    mesh.run(1)
    precheck = KINDS["route_table"].precheck

    def slow(rollout: Rollout, *given: Any) -> list[str]:
        services.rollout_pause(pk=rollout.pk, actor="bob", now=mesh.now)
        return precheck(rollout, *given)

    monkeypatch.setattr(KINDS["route_table"], "precheck", slow)
    assert not engine.step(row.pk, Rollout.objects.get().due_at or mesh.now)
    assert Rollout.objects.get().state == RolloutState.PAUSED
    assert not Route.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_tickers_that_race_write_each_wave_once(mesh_redis: str, settings: Settings) -> None:
    settings.MESH_DEMO = True
    for number in range(6):
        group = "Group_2" if number > 3 else "Group_1"
        an_instance(f"order-{number}", unit=f"unit{number % 2}", group=group)
    mesh = Mesh([f"order-{number}" for number in range(6)])
    mesh.begin()
    row = made(mesh, "route_table")
    services.rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
    services.rollout_start(pk=row.pk, actor="ann", now=mesh.now)
    for _ in range(120):
        mesh.run(1, tick=together)
        if Rollout.objects.get().state not in MOVING:
            break
    assert Rollout.objects.get().state == RolloutState.COMPLETED
    assert RouteVersion.objects.count() == row.waves.count()
    verbs = Decision.objects.filter(verb="wave_passed")
    assert verbs.count() == row.waves.count()
    for wave in row.waves.all():
        rounds = set(wave.evaluations.values_list("round", flat=True))
        assert sorted(rounds) == list(range(1, wave.rounds + 1))


def together(advance: Callable[[], int]) -> None:
    """Two workers in the same moment."""
    start = threading.Barrier(2, timeout=10)

    def tick() -> None:
        try:
            start.wait()
            advance()
        finally:
            connections.close_all()

    tickers = [threading.Thread(target=tick) for _ in range(2)]
    for ticker in tickers:
        ticker.start()
    for ticker in tickers:
        ticker.join(timeout=30)


@pytest.mark.django_db(transaction=True)
def test_of_the_mesh_and_a_part_of_it_started_at_once_one_owns(mesh: Mesh) -> None:
    mesh.each_second = follow_modes
    mesh.run(1)
    rows = []
    for application in ("", "order"):
        row = services.rollout_create(
            kind="tls_mode", application=application, spec={"to": "preferred"}, actor="ann",
            now=mesh.now,
        )  # fmt: skip
        services.rollout_plan(pk=row.pk, actor="ann", now=mesh.now)
        rows.append(row.pk)
    refused: list[MeshError] = []

    def start() -> int:
        try:
            services.rollout_start(pk=rows.pop(), actor="ann", now=mesh.now)
        except MeshError as error:
            refused.append(error)
        return 1

    together(start)
    assert Rollout.objects.filter(state__in=OWNING).count() == 1
    assert [error.code for error in refused] == ["owned"]
