"""Programs of a real supervisord are restarted and stopped once, whoever was killed in between."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from healer.actuators.protocol import Action, Actuator, NotNow, Order, Refused, Status, Target
from healer.actuators.registry import build
from healer.actuators.supervisor import Supervisord
from healer.actuators.surroundings import Surroundings
from meshconsole.healing.guards.actuator_settings import SupervisorSettings
from tests.harness.supervisord import PASSWORD, USER, Served, needs_supervisord, supervisord
from tests.harness.wait import eventually

pytestmark = needs_supervisord


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with supervisord(tmp_path) as made:
        yield made


@pytest.fixture
def hands(served: Served) -> Actuator:
    around = Surroundings(secrets=served.folder, supervisor_socket=served.socket)
    return build("supervisor", {"sidecar": "sidecar-{instance}"}, around)


def order(
    action: Action = "restart_process", *, before: str = "", instance: str = "shop-1"
) -> Order:
    target = Target(instance=instance, app="shop", unit="unit1")
    return Order(target=target, action=action, key="case-7.1", fence=1, before=before)


def prepared(hands: Actuator, action: Action = "restart_process") -> Order:
    return order(action, before=hands.dry_run(order(action)).before)


def done(hands: Actuator, given: Order) -> Status:
    """Execute until it says how far it is: a program of this very second is not restarted."""

    def executed() -> Status | None:
        try:
            return hands.execute(given)
        except NotNow:
            return None

    status = eventually(executed, what="supervisord restarts it")
    assert status is not None
    return status


def test_a_restart_has_its_effect_once(served: Served, hands: Actuator) -> None:
    given = prepared(hands)
    assert hands.status(given).state == "unknown"
    assert done(hands, given).state == "done"
    assert hands.execute(given).state == "done"
    eventually(lambda: served.starts("shop-1") == 2)
    assert served.starts("sidecar-shop-1") == 1


def test_one_started_this_very_second_is_left_until_its_starts_can_be_told_apart(
    served: Served, hands: Actuator
) -> None:
    given = prepared(hands)
    done(hands, given)
    with pytest.raises(NotNow, match="was started a moment ago"):
        hands.execute(prepared(hands))


def test_who_was_killed_between_stop_and_start_is_gone_on_for(
    served: Served, hands: Actuator
) -> None:
    given = prepared(hands)
    around = Surroundings(secrets=served.folder, supervisor_socket=served.socket)
    Supervisord(SupervisorSettings(), around).stop("shop-1", 10.0)
    assert hands.status(given).state == "unknown"
    assert done(hands, given).state == "done"
    eventually(lambda: served.starts("shop-1") == 2)


def test_a_removal_stops_both(served: Served, hands: Actuator) -> None:
    status = hands.execute(prepared(hands, "remove"))
    assert (status.state, status.replacement) == ("done", "needed")
    assert status.detail == "sidecar-shop-1 is STOPPED; shop-1 is STOPPED."


def test_a_program_that_cannot_start_is_said(served: Served, hands: Actuator) -> None:
    (served.folder / "broken").write_text("#!/bin/sh\nexit 3\n")
    given = order(instance="broken", before="{}")
    with pytest.raises(Refused, match="refuses to restart broken: NO"):
        hands.execute(given)


def test_a_program_nobody_knows_is_said_before_and_refused(hands: Actuator) -> None:
    found = hands.dry_run(order(instance="shop-9"))
    assert found.detail == "shop-9 is not there."
    with pytest.raises(Refused, match="is not there any more"):
        hands.execute(order(instance="shop-9"))


def test_over_http_it_wants_its_password_and_a_listed_network(served: Served) -> None:
    (served.folder / "secret").write_text(PASSWORD)
    (served.folder / "secret").chmod(0o600)
    (served.folder / "wrong").write_text("another")
    (served.folder / "wrong").chmod(0o600)
    around = Surroundings(secrets=served.folder, networks=(ip_network("127.0.0.0/8"),))
    settings: dict[str, object] = {
        "url": f"http://127.0.0.1:{served.port}/RPC2", "user": USER, "password": "secret",
    }  # fmt: skip
    assert build("supervisor", settings, around).dry_run(order()).ok
    wrong = build("supervisor", settings | {"password": "wrong"}, around).dry_run(order())
    assert wrong.detail == "supervisord does not take the user and password of the settings."
    outside = build("supervisor", settings, Surroundings(secrets=served.folder)).dry_run(order())
    assert "add its network to MESH_ACTUATOR_NETWORKS" in outside.detail


def test_without_a_socket_or_url_it_says_what_to_set(tmp_path: Path) -> None:
    found = build("supervisor", {}, Surroundings(secrets=tmp_path)).dry_run(order())
    assert "set MESH_SUPERVISOR_SOCKET" in found.detail


def test_nobody_at_the_socket_means_that_nothing_was_done(tmp_path: Path) -> None:
    around = Surroundings(secrets=tmp_path, supervisor_socket=tmp_path / "none")
    with pytest.raises(NotNow, match="supervisord cannot be reached"):
        build("supervisor", {}, around).execute(order(before="{}"))
