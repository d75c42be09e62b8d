"""A caller killed anywhere leaves nothing done twice, and whoever takes over finishes it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from healer.actuators.protocol import Action, Actuator, NotNow, Order, StaleFence, Status, Target
from meshconsole.demo.effects import effects_of
from tests.harness.caller import doomed, hands_of
from tests.harness.supervised import starts, supervised
from tests.harness.systemctl import Unit, install, load
from tests.harness.wait import eventually

SIDES = ("before", "after")
LINE = [f"{side}:{call}:1" for call in ("connect", "sendall", "recv") for side in SIDES]
JOBS = [f"{side}:job:{number}" for number in (1, 2) for side in SIDES]


def order(action: Action, *, fence: int = 1, before: str = "") -> Order:
    target = Target(instance="shop-1", app="shop", unit="unit1")
    return Order(target=target, action=action, key="case-7.1", fence=fence, before=before)


def taken_over(hands: Actuator, given: Order) -> Status:
    """What the next holder of the lease does: ask first, and execute only what had no effect."""

    def finished() -> Status | None:
        try:
            status = hands.status(given)
            status = hands.execute(given) if status.state == "unknown" else status
        except NotNow:
            return None
        return status if status.state == "done" else None

    status = eventually(finished, timeout=20, what="the order is finished")
    assert status is not None
    return status


@pytest.mark.parametrize("action", ["restart_host", "remove"])
@pytest.mark.parametrize("point", LINE)
def test_the_supervisor_has_done_it_once(tmp_path: Path, point: str, action: Action) -> None:
    with supervised(tmp_path):
        assert doomed("process", tmp_path, point, order(action)) == -signal.SIGKILL
        hands = hands_of("process", tmp_path)
        status = taken_over(hands, order(action, fence=2))
        assert status.effects == 1
        with pytest.raises(StaleFence):  # the dead one's twin wakes up late
            hands.execute(order(action, fence=1))
        name, count = ("shop-1b", 1) if action == "remove" else ("shop-1", 2)
        assert len(starts(tmp_path, name, count)) == count
    assert effects_of(tmp_path / "effects.jsonl") == {"case-7.1": 1}


@pytest.mark.parametrize("action", ["restart_host", "remove"])
@pytest.mark.parametrize("point", JOBS)
def test_each_unit_was_restarted_or_stopped_once(
    tmp_path: Path, point: str, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "bin", **{"mesh@shop-1.service": Unit(), "shop@shop-1.service": Unit()})
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    hands = hands_of("systemd", tmp_path)
    before = hands.dry_run(order(action)).before
    assert doomed("systemd", tmp_path, point, order(action, before=before)) == -signal.SIGKILL
    assert taken_over(hands, order(action, fence=2, before=before)).state == "done"
    verb = "stop" if action == "remove" else "restart"
    jobs = [each for each in load(tmp_path / "bin").asked if f" {verb} " in each]
    assert [each.rsplit(" ", 1)[1] for each in jobs] == [
        "mesh@shop-1.service",
        "shop@shop-1.service",
    ]
