"""Containers are restarted and stopped by the Engine API, and their start time says whether."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from healer.actuators.protocol import (
    Action,
    Actuator,
    AmbiguousResult,
    NotNow,
    Order,
    Refused,
    Target,
)
from healer.actuators.registry import build
from healer.actuators.surroundings import Surroundings
from tests.harness.engine import Container, Engine
from tests.harness.peer import peer, said_json


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(shop_1=Container(id="a" * 64), mesh_shop_1=Container(id="b" * 64))
    with peer(made, tmp_path / "docker.sock"):
        yield made


@pytest.fixture
def hands(tmp_path: Path) -> Actuator:
    around = Surroundings(secrets=tmp_path, docker_socket=tmp_path / "docker.sock")
    return build("docker", {"sidecar": "mesh-{instance}"}, around)


def order(action: Action = "restart_process", *, before: str = "", at: float = 0.0) -> Order:
    target = Target(instance="shop-1", app="shop", unit="unit1")
    return Order(
        target=target, action=action, key="case-7.1", fence=1, before=before, ordered_at=at
    )


def prepared(hands: Actuator, action: Action = "restart_process") -> Order:
    return order(action, before=hands.dry_run(order(action)).before)


def starts(engine: Engine) -> list[int]:
    return [each.starts for each in engine.containers.values()]


def test_a_restart_has_its_effect_once_however_often_it_is_given(
    engine: Engine, hands: Actuator
) -> None:
    given = prepared(hands)
    assert hands.status(given).state == "unknown"
    assert hands.execute(given).state == "done"
    assert hands.execute(given).state == "done"
    assert hands.status(given).state == "done"
    assert starts(engine) == [2, 1]


def test_a_host_is_the_sidecar_and_the_process(engine: Engine, hands: Actuator) -> None:
    given = prepared(hands, "restart_host")
    engine.containers["mesh-shop-1"].started += 1  # as by somebody who was killed in between
    assert hands.status(given).state == "unknown"
    assert hands.execute(given).state == "done"
    assert starts(engine) == [2, 1]


def test_a_removal_stops_both_and_asks_for_a_replacement(engine: Engine, hands: Actuator) -> None:
    given = prepared(hands, "remove")
    status = hands.execute(given)
    assert (status.state, status.replacement) == ("done", "needed")
    assert hands.execute(given).state == "done"
    stops = [asked for asked in engine.asked if "/stop" in asked]
    assert stops == [
        "POST /containers/mesh-shop-1/stop?t=10",
        "POST /containers/shop-1/stop?t=10",
    ]


def test_without_an_answer_it_may_have_been_done_and_the_status_tells(
    engine: Engine, hands: Actuator
) -> None:
    given = prepared(hands)
    engine.hangs_up_after = "restart"
    with pytest.raises(AmbiguousResult, match="gave no whole answer"):
        hands.execute(given)
    assert hands.status(given).state == "done"
    assert starts(engine) == [2, 1]


def test_one_that_ends_at_once_after_its_start_has_failed(engine: Engine, hands: Actuator) -> None:
    given = prepared(hands)
    engine.containers["shop-1"].dies = True
    status = hands.execute(given)
    assert (status.state, status.detail) == ("failed", "shop-1 is exited.")
    assert hands.execute(given).state == "failed"
    assert starts(engine) == [2, 1]


def test_one_that_restarts_itself_just_now_is_waited_for(engine: Engine, hands: Actuator) -> None:
    given = prepared(hands)
    engine.containers["shop-1"].status = "restarting"
    assert hands.execute(given).state == "running"
    assert starts(engine) == [1, 1]


def test_what_nobody_noted_before_is_told_by_the_time_of_the_order(
    engine: Engine, hands: Actuator
) -> None:
    started = 1772359200.123456789
    assert hands.status(order(at=started + 1)).state == "unknown"
    assert hands.status(order(at=started - 1)).state == "done"
    with pytest.raises(AmbiguousResult, match="decide by hand"):
        hands.status(order())


def test_a_dry_run_shows_each_container_and_changes_none(engine: Engine, hands: Actuator) -> None:
    del engine.containers["mesh-shop-1"]
    found = hands.dry_run(order("restart_host"))
    assert not found.ok
    assert found.detail == "mesh-shop-1 is not there."
    assert [check.ok for check in found.checks] == [True, False, True]
    assert all(asked.startswith("GET ") for asked in engine.asked)


def test_a_plan_says_what_would_be_sent(hands: Actuator) -> None:
    text = hands.plan(order("remove"))
    assert text.steps == (
        "POST /containers/mesh-shop-1/stop?t=10",
        "POST /containers/shop-1/stop?t=10",
    )
    assert "a person is asked for one" in text.summary


@pytest.mark.parametrize(
    ("status", "error", "sentence"),
    [
        (409, NotNow, "cannot restart shop-1 now: it is paused"),
        (403, Refused, "refuses to restart shop-1: it is paused"),
        (500, AmbiguousResult, "failed to restart shop-1: it is paused"),
    ],
)
def test_what_the_engine_refuses_is_said(
    engine: Engine, hands: Actuator, status: int, error: type[Exception], sentence: str
) -> None:
    given = prepared(hands)
    engine.fails_with = said_json(status, {"message": "it is paused"})
    with pytest.raises(error, match=sentence):
        hands.execute(given)


def test_a_container_that_is_gone_is_not_restarted(engine: Engine, hands: Actuator) -> None:
    given, removal = prepared(hands), prepared(hands, "remove")
    engine.containers.clear()
    with pytest.raises(Refused, match="propose a removal"):
        hands.execute(given)
    assert hands.execute(removal).state == "done"


def test_the_removal_of_what_was_never_there_is_not_done_but_refused(
    engine: Engine, hands: Actuator
) -> None:
    engine.containers.clear()
    with pytest.raises(Refused, match="was never there: check the names"):
        hands.execute(prepared(hands, "remove"))


def test_nobody_at_the_socket_means_that_nothing_was_done(tmp_path: Path) -> None:
    hands = build("docker", {}, Surroundings(secrets=tmp_path, docker_socket=tmp_path / "none"))
    with pytest.raises(NotNow, match="The Docker engine cannot be reached"):
        hands.execute(order(at=1.0))
    found = hands.dry_run(order())
    assert not found.ok
    assert "cannot be reached" in found.detail


def test_more_time_to_stop_than_the_order_has_is_refused_before_anything_is_sent(
    engine: Engine, tmp_path: Path
) -> None:
    around = Surroundings(secrets=tmp_path, docker_socket=tmp_path / "docker.sock")
    hands = build("docker", {"stop_seconds": 60}, around)
    with pytest.raises(NotNow, match="may take 60 s to stop"):
        hands.execute(prepared(hands))
    assert starts(engine) == [1, 1]
