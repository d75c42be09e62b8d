"""Units are restarted and stopped once, told by their invocation, and what is refused is said."""

from __future__ import annotations

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
from tests.harness.systemctl import Machine, Unit, install, load, save


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path / "bin", **{"shop@shop-1.service": Unit(), "mesh@shop-1.service": Unit()})
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "bin"


@pytest.fixture
def hands(tmp_path: Path) -> Actuator:
    settings = {"process": "{app}@{instance}.service", "sidecar": "mesh@{instance}.service"}
    return build("systemd", settings, Surroundings(secrets=tmp_path))


def order(
    action: Action = "restart_process", before: str = "", instance: str = "shop-1",
    seconds: float = 30,
) -> Order:  # fmt: skip
    return Order(
        target=Target(instance=instance, app="shop", unit="unit1"),
        action=action,
        key="case-7.1",
        fence=1,
        before=before,
        deadline_seconds=seconds,
    )


def prepared(hands: Actuator, action: Action = "restart_process") -> Order:
    return order(action, hands.dry_run(order(action)).before)


def change(folder: Path, unit: str = "shop@shop-1.service", **facts: object) -> Machine:
    machine = load(folder)
    for name, value in facts.items():
        setattr(machine if hasattr(machine, name) else machine.units[unit], name, value)
    save(folder, machine)
    return machine


def starts(folder: Path) -> list[int]:
    return [unit.starts for unit in load(folder).units.values()]


def test_a_restart_is_one_job_however_often_it_is_given(folder: Path, hands: Actuator) -> None:
    given = prepared(hands)
    assert hands.status(given).state == "unknown"
    assert hands.execute(given).state == "done"
    assert hands.execute(given).state == "done"
    assert starts(folder) == [2, 1]
    jobs = [each for each in load(folder).asked if "restart" in each]
    assert jobs == ["systemctl --no-ask-password restart -- shop@shop-1.service"]


def test_a_removal_stops_both_units(folder: Path, hands: Actuator) -> None:
    status = hands.execute(prepared(hands, "remove"))
    assert (status.state, status.replacement) == ("done", "needed")
    assert {unit.active for unit in load(folder).units.values()} == {"inactive"}
    assert hands.status(order("remove")).state == "done"


def test_a_unit_that_does_not_come_up_again_has_failed(folder: Path, hands: Actuator) -> None:
    given = prepared(hands)
    change(folder, fails=True)
    status = hands.execute(given)
    assert (status.state, status.detail) == ("failed", "shop@shop-1.service is failed (failed).")
    assert hands.execute(given).state == "failed"
    assert starts(folder) == [2, 1]


def test_a_failed_unit_is_started_by_a_restart(folder: Path, hands: Actuator) -> None:
    change(folder, active="failed", sub="failed")
    assert hands.execute(prepared(hands)).state == "done"


def test_one_that_is_being_stopped_is_waited_for(folder: Path, hands: Actuator) -> None:
    given = prepared(hands)
    change(folder, active="deactivating", sub="stop-sigterm")
    assert hands.execute(given).state == "running"
    assert starts(folder) == [1, 1]


def test_a_command_that_never_comes_back_may_have_done_it(folder: Path, hands: Actuator) -> None:
    given = order(before=hands.dry_run(order()).before, seconds=3.0)
    change(folder, hangs=True)
    with pytest.raises(AmbiguousResult, match="systemctl did not end within"):
        hands.execute(given)
    assert hands.status(given).state == "done"
    assert starts(folder) == [2, 1]


def test_a_user_without_rights_is_told_what_to_do(folder: Path, hands: Actuator) -> None:
    given = prepared(hands)
    change(folder, denies=True)
    with pytest.raises(Refused, match=r"refuses to restart .*authentication required.*polkit"):
        hands.execute(given)
    assert starts(folder) == [1, 1]


def test_a_unit_that_is_not_there_is_said_before_and_refused(folder: Path, hands: Actuator) -> None:
    found = hands.dry_run(order(instance="shop-9"))
    assert not found.ok
    assert found.detail == "shop@shop-9.service is not-found."
    with pytest.raises(Refused, match="is not there any more"):
        hands.execute(order(instance="shop-9"))


def test_a_machine_without_systemd_is_said(folder: Path, hands: Actuator) -> None:
    change(folder, booted=False)
    found = hands.dry_run(order())
    assert found.detail.startswith("systemctl says: System has not been booted with systemd")
    with pytest.raises(NotNow, match="does not show"):
        hands.status(order())


def test_a_machine_without_systemctl_is_said(
    hands: Actuator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "There is no systemctl on the healer's machine" in hands.dry_run(order()).detail


def test_no_secret_of_the_healer_is_in_the_commands_environment(
    folder: Path, hands: Actuator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MESH_SECRET_KEY", "s3cret")
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\nenv > '{tmp_path}/env'\n")
    hands.dry_run(order())
    assert "s3cret" not in (tmp_path / "env").read_text()
