"""Units of another machine, by a real ssh to a real sshd, and by no other host or key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from healer.actuators.protocol import Action, Actuator, NotNow, Order, Refused, Target
from healer.actuators.registry import build
from healer.actuators.surroundings import Surroundings
from tests.harness.sshd import Machine, needs_sshd, sshd
from tests.harness.systemctl import Unit, install, load, save

pytestmark = needs_sshd


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    install(tmp_path / "bin", **{"shop@shop-1.service": Unit(), "mesh@shop-1.service": Unit()})
    return tmp_path / "bin"


@pytest.fixture
def machine(tmp_path: Path, programs: Path) -> Iterator[Machine]:
    with sshd(tmp_path, programs) as made:
        yield made


def hands_of(machine: Machine, **settings: object) -> Actuator:
    whole: dict[str, object] = {
        "user": machine.user, "key": "key", "known_hosts": "known_hosts", "port": machine.port,
        "process": "shop@{instance}.service", "sidecar": "mesh@{instance}.service",
    }  # fmt: skip
    return build("ssh", whole | settings, Surroundings(secrets=machine.secrets))


def order(
    action: Action = "restart_process", *, before: str = "", address: str = "127.0.0.1:8080",
    handle: dict[str, str] | None = None,
) -> Order:  # fmt: skip
    target = Target(
        instance="shop-1", app="shop", unit="unit1", address=address, handle=handle or {}
    )
    return Order(target=target, action=action, key="case-7.1", fence=1, before=before)


def prepared(hands: Actuator, action: Action = "restart_process") -> Order:
    return order(action, before=hands.dry_run(order(action)).before)


def starts(programs: Path) -> list[int]:
    return [unit.starts for unit in load(programs).units.values()]


def test_a_restart_runs_one_fixed_command_there_once(machine: Machine, programs: Path) -> None:
    hands = hands_of(machine)
    given = prepared(hands)
    assert hands.execute(given).state == "done"
    assert hands.execute(given).state == "done"
    assert starts(programs) == [2, 1]
    assert hands.plan(given).steps == (
        "127.0.0.1: systemctl --no-ask-password restart -- shop@shop-1.service",
    )


def test_a_removal_stops_both_units_there(machine: Machine, programs: Path) -> None:
    hands = hands_of(machine)
    assert hands.execute(prepared(hands, "remove")).replacement == "needed"
    assert {unit.active for unit in load(programs).units.values()} == {"inactive"}


def test_sudo_is_asked_in_advance_and_used_for_changes_alone(
    machine: Machine, programs: Path
) -> None:
    hands = hands_of(machine, sudo=True)
    given = prepared(hands)
    assert hands.execute(given).state == "done"
    changes = [each for each in load(programs).asked if "restart" in each]
    assert changes == ["sudo -n systemctl --no-ask-password restart -- shop@shop-1.service"]
    there = load(programs)
    there.denies = True
    save(programs, there)
    assert hands.dry_run(order()).detail == "sudo says: sudo: a password is required."


def test_words_that_a_shell_would_read_reach_nothing(machine: Machine, programs: Path) -> None:
    hands = hands_of(machine)
    for name in ("shop;id", "shop$(id)", "shop`id`", "-shop", "shop id", "shop|id"):
        with pytest.raises(Refused, match="cannot be the name"):
            hands.execute(order(handle={"process": name}))
    assert load(programs).asked == []


def test_a_backslash_of_a_unit_reaches_systemd_as_it_is(machine: Machine, programs: Path) -> None:
    found = hands_of(machine).dry_run(order(handle={"process": "a\\x2db.service"}))
    assert found.detail == "a\\x2db.service is not-found."
    assert load(programs).asked[-1].endswith("-- a\\x2db.service")


@pytest.mark.parametrize("host", ["-oProxyCommand=id", "a b", "a;b", "$(id)"])
def test_a_host_that_ssh_could_mistake_is_refused(machine: Machine, host: str) -> None:
    with pytest.raises(Refused, match="cannot be the machine"):
        hands_of(machine).execute(order(handle={"host": host}))


def test_another_host_key_is_not_believed(machine: Machine, programs: Path) -> None:
    known = machine.secrets / "known_hosts"
    stranger = (machine.secrets / "stranger.pub").read_text().rsplit(" ", 1)[0]
    known.write_text(f"[127.0.0.1]:{machine.port} {stranger}\n")
    with pytest.raises(Refused, match="its host key is not in the file of known_hosts"):
        hands_of(machine).execute(order())
    known.write_text("")
    assert "host key is not in" in hands_of(machine).dry_run(order()).detail
    assert load(programs).asked == []


def test_a_key_it_does_not_take_is_said(machine: Machine) -> None:
    with pytest.raises(Refused, match="does not take the user and key"):
        hands_of(machine, key="stranger").execute(order())


def test_a_missing_key_is_named(machine: Machine) -> None:
    with pytest.raises(Refused, match="put it into the file nokey"):
        hands_of(machine, key="nokey").execute(order())


def test_nobody_there_means_that_nothing_was_done(machine: Machine) -> None:
    with pytest.raises(NotNow, match=r"ssh does not reach 127\.0\.0\.1: .*Connection refused"):
        hands_of(machine, port=1).execute(order())
