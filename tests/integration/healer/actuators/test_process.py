"""The demo's supervisor does each key once, and heeds the highest fence, whoever is killed."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from healer.actuators.process import ProcessActuator
from healer.actuators.protocol import (
    Action,
    AmbiguousResult,
    NotNow,
    Order,
    Refused,
    StaleFence,
    Target,
)
from healer.actuators.surroundings import Surroundings
from meshconsole.demo.effects import effects_of
from meshconsole.healing.guards.actuator_settings import ProcessSettings
from tests.harness.supervised import starts, supervised

WRITES = ("fenced:1", "begun:1", "happened:1", "happened:2", "ended:1")
POINTS = [f"{side}:{write}" for write in WRITES for side in ("before", "after")]


def order(
    action: Action = "restart_process",
    *,
    key: str = "case-7.1",
    fence: int = 1,
    seconds: float = 30,
) -> Order:
    target = Target(instance="shop-1", app="shop", unit="unit1")
    return Order(target=target, action=action, key=key, fence=fence, deadline_seconds=seconds)


def actuator(folder: Path) -> ProcessActuator:
    around = Surroundings(secrets=folder, process_socket=folder / "control.sock")
    return ProcessActuator(ProcessSettings(), around)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with supervised(tmp_path):
        yield tmp_path


def test_a_restart_makes_one_new_process_and_leaves_the_sidecar(folder: Path) -> None:
    hands = actuator(folder)
    first, beside = starts(folder, "shop-1"), starts(folder, "sidecar-shop-1")
    assert hands.status(order()).state == "unknown"
    assert hands.execute(order()).state == "done"
    assert hands.execute(order()).effects == 1
    assert hands.status(order()).effects == 1
    assert len(starts(folder, "shop-1", 2)) == len(first) + 1 == 2
    assert starts(folder, "sidecar-shop-1") == beside


@pytest.mark.parametrize(
    ("action", "process", "sidecar"),
    [("restart_sidecar", 1, 2), ("restart_process", 2, 1), ("restart_host", 2, 2)],
)
def test_each_rung_restarts_its_parts(
    folder: Path, action: Action, process: int, sidecar: int
) -> None:
    assert actuator(folder).execute(order(action)).state == "done"
    assert len(starts(folder, "shop-1", process)) == process
    assert len(starts(folder, "sidecar-shop-1", sidecar)) == sidecar
    assert len(starts(folder, "shop-2")) == 1


def test_a_removal_ends_both_parts_and_starts_another_in_the_place(folder: Path) -> None:
    hands = actuator(folder)
    status = hands.execute(order("remove"))
    assert (status.state, status.replacement) == ("done", "started")
    assert status.evidence["replacement"] == "shop-1b"
    assert len(starts(folder, "shop-1b")) == 1
    assert hands.execute(order("remove")).effects == 1
    with pytest.raises(Refused, match="No instance 'shop-1' runs here"):
        hands.execute(order(key="case-8.1"))


def test_a_lower_fence_is_refused_and_so_is_one_that_was_only_asked_past(folder: Path) -> None:
    hands = actuator(folder)
    assert hands.status(order(key="case-8.1", fence=5)).state == "unknown"
    with pytest.raises(StaleFence, match="Fence 4 is older than 5"):
        hands.execute(order(fence=4))
    assert len(starts(folder, "shop-1")) == 1


def test_a_key_that_belongs_to_another_order_is_refused(folder: Path) -> None:
    hands = actuator(folder)
    hands.execute(order())
    with pytest.raises(Refused, match=r"The key case-7\.1 was given to another order"):
        hands.execute(order("restart_sidecar"))


def test_a_dry_run_tells_what_runs_and_changes_nothing(folder: Path) -> None:
    found = actuator(folder).dry_run(order())
    assert found.ok
    assert found.before.startswith("process ")
    assert effects_of(folder / "effects.jsonl") == {}
    assert len(starts(folder, "shop-1")) == 1


def test_a_dry_run_says_what_is_missing(tmp_path: Path) -> None:
    found = actuator(tmp_path).dry_run(order())
    assert not found.ok
    assert "is the demo running?" in found.detail
    bare = ProcessActuator(ProcessSettings(), Surroundings(secrets=tmp_path))
    assert "set MESH_PROCESS_SOCKET" in bare.dry_run(order()).detail


def test_nobody_there_means_that_nothing_was_done(tmp_path: Path) -> None:
    with pytest.raises(NotNow, match="does not answer"):
        actuator(tmp_path).execute(order())


def test_an_order_without_an_answer_may_have_been_done(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(str(tmp_path / "control.sock"))
        mute.listen()
        with pytest.raises(AmbiguousResult, match=r"Ask for the status of case-7\.1"):
            actuator(tmp_path).execute(order(seconds=0.1))
        with pytest.raises(NotNow, match="gave no answer to status"):
            actuator(tmp_path).status(order(seconds=0.1))


@pytest.mark.parametrize("action", ["restart_host", "remove"])
@pytest.mark.parametrize("point", POINTS)
def test_a_supervisor_killed_anywhere_has_done_it_once_in_the_end(
    tmp_path: Path, point: str, action: Action
) -> None:
    with supervised(tmp_path, point) as doomed:
        hands = actuator(tmp_path)
        with pytest.raises(AmbiguousResult):
            hands.execute(order(action))
        assert doomed.wait(20) == -signal.SIGKILL
    with supervised(tmp_path):
        taken_over = order(action, fence=2)
        if hands.status(taken_over).state == "unknown":
            hands.execute(taken_over)
        status = hands.status(taken_over)
        assert (status.state, status.effects) == ("done", 1)
        hands.execute(taken_over)
        assert starts(tmp_path, "shop-1b" if action == "remove" else "shop-1")
    assert effects_of(tmp_path / "effects.jsonl") == {"case-7.1": 1}
