"""What people say to healing: policy in layers, brakes, windows and hours, with their audit."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from meshconsole.audit.models import AuditEntry
from meshconsole.core import revision
from meshconsole.core.errors import Conflict, Forbidden, Invalid, MeshError, NotFound
from meshconsole.discovery.facts import facts_read
from meshconsole.healing.guards import services as guards, windows
from meshconsole.healing.guards.selectors import (
    killed,
    maintenance_of,
    policy_of,
    protected_now,
    switch_lifted_at,
)
from meshconsole.healing.guards.services import AUTOMATE, SET, WIDEN, Wish, policy_set
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def put(application: str = "", may: set[str] | None = None, **wish: Any) -> None:
    policy_set(
        application=application,
        wish=Wish(**wish),
        reason="As agreed.",
        actor="ann",
        now=NOW,
        may=frozenset(may if may is not None else {SET, WIDEN, AUTOMATE}),
    )


def window(scope: str, name: str, begins: timedelta, ends: timedelta) -> int:
    return windows.window_create(
        scope=scope,
        name=name,
        begins_at=NOW + begins,
        ends_at=NOW + ends,
        reason="New disks.",
        actor="ann",
        now=NOW,
    ).pk


def test_a_fresh_install_observes_and_reports() -> None:
    policy = policy_of("order")
    assert (policy.mode, policy.ejection_mode) == ("observe", "report")
    assert policy.numbers["cooldown_seconds"] == 180
    assert set(policy.said_by.values()) == {"default"}


def test_an_application_goes_before_the_mesh_and_that_before_the_defaults() -> None:
    an_instance()
    put(mode="approve_all", numbers={"mesh_out": 4, "cooldown_seconds": 60}, is_critical=True)
    put("order", mode="auto", numbers={"cooldown_seconds": 30})
    mesh, order = policy_of(), policy_of("order")
    assert (mesh.mode, order.mode, order.is_critical) == ("approve_all", "auto", True)
    assert (order.numbers["mesh_out"], order.numbers["cooldown_seconds"]) == (4, 30)
    assert order.said_by["mesh_out"] == "mesh"
    assert order.said_by["cooldown_seconds"] == "application"


@pytest.mark.parametrize(
    ("wish", "verb"),
    [
        ({"mode": "observe"}, SET),
        ({"numbers": {"cooldown_seconds": 600}}, SET),
        ({"is_critical": True}, SET),
        ({"mode": "approve_all"}, WIDEN),
        ({"ejection_mode": "eject"}, WIDEN),
        ({"numbers": {"cooldown_seconds": 60}}, WIDEN),
        ({"ejection": {"max_out_share": 0.5}}, WIDEN),
        ({"mode": "auto"}, AUTOMATE),
        ({"actuator": "process"}, AUTOMATE),
    ],
)
def test_more_power_asks_for_a_higher_role(wish: dict[str, Any], verb: str) -> None:
    order = [SET, WIDEN, AUTOMATE]
    assert guards.power_of("", Wish(**wish)) == verb
    below = set(order[: order.index(verb)])
    with pytest.raises(Forbidden):
        put(may=below, **wish)
    put(may={verb}, **wish)
    assert AuditEntry.objects.get().verb == verb


def test_less_power_than_the_mesh_gives_needs_no_high_role() -> None:
    an_instance()
    put(mode="auto")
    put("order", may={SET}, mode="observe")
    with pytest.raises(Forbidden):  # to inherit `auto` again is to be given it
        put("order", may={SET, WIDEN})


def test_a_policy_is_compared_and_set() -> None:
    put(mode="observe")
    with pytest.raises(Conflict) as caught:
        policy_set(
            application="", wish=Wish(), reason="x", actor="bob", now=NOW, expected_version=0
        )
    assert caught.value.current_state["version"] == 1


@pytest.mark.parametrize(
    "wish",
    [
        {"mode": "always"},
        {"ejection_mode": "kill"},
        {"actuator": "fake"},
        {"numbers": {"mesh_out": 0}},
        {"ejection": {"base_seconds": 200, "max_seconds": 100}},
        {"actuator_settings": {"process": "{instance}"}},
        {"actuator": "process", "actuator_settings": {"password": "s3cret"}},
        {"actuator": "webhook", "actuator_settings": {"url": "https://hooks.example.com/"}},
        {"actuator": "process", "actuator_settings": {"x": "y" * 9000}},
    ],
)
def test_a_bad_policy_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        put(**wish)


def test_callers_are_told_of_ejection_when_it_changes_and_only_then() -> None:
    an_instance()
    before = revision.current()
    put("order", mode="approve_all")
    assert revision.current() == before
    put("order", mode="approve_all", ejection_mode="eject", ejection={"consecutive": 3})
    assert revision.current() == before + 1
    (terms,) = facts_read().facts.healing
    assert (terms.name, terms.mode, terms.consecutive) == ("order", "eject", 3)
    brake = guards.switch_engage(switch="ejection", reason="Odd.", actor="ann", now=NOW)
    assert facts_read().facts.healing[0].mode == "report"
    guards.switch_release(pk=brake.pk, reason="Well again.", actor="bob")
    assert facts_read().facts.healing[0].mode == "eject"
    assert revision.current() == before + 3


def test_a_brake_of_the_mesh_holds_for_everybody_and_one_of_an_application_for_it() -> None:
    an_instance()
    guards.switch_engage(switch="healing", application="order", reason="Odd.", actor="ann", now=NOW)
    assert killed("healing", "order")
    assert not killed("healing", "stock")
    assert not killed("ejection", "order")
    brake = guards.switch_engage(switch="healing", reason="All of it.", actor="ann", now=NOW)
    again = guards.switch_engage(switch="healing", reason="Me too.", actor="bob", now=NOW)
    assert (again.pk, again.engaged_by) == (brake.pk, "ann")
    assert killed("healing", "stock") == brake
    assert switch_lifted_at() is None
    guards.switch_release(pk=brake.pk, reason="Well again.", actor="bob")
    assert not killed("healing", "stock")
    assert switch_lifted_at() is not None
    with pytest.raises(NotFound):
        guards.switch_release(pk=brake.pk, reason="Again.", actor="bob")
    verbs = list(AuditEntry.objects.order_by("sequence").values_list("verb", flat=True))
    assert verbs == ["kill_switch_engage", "kill_switch_engage", "kill_switch_release"]


def test_a_window_holds_for_what_it_names_until_it_ends_or_is_ended() -> None:
    an_instance("order-1", unit="unit1")
    an_instance("order-2", unit="unit2")
    pk = window("unit", "unit1", -HOUR, HOUR)
    window("instance", "order-2", HOUR, 2 * HOUR)

    def in_it(instance: str, unit: str, now: datetime = NOW) -> bool:
        found = maintenance_of(instance=instance, application="order", unit=unit, now=now)
        return found is not None

    assert in_it("order-1", "unit1")
    assert not in_it("order-2", "unit2")
    assert in_it("order-2", "unit2", NOW + HOUR)
    assert not in_it("order-1", "unit1", NOW + HOUR)
    windows.window_end(pk=pk, reason="Done early.", actor="bob", now=NOW)
    assert not in_it("order-1", "unit1")
    with pytest.raises(NotFound):
        windows.window_end(pk=pk, reason="Again.", actor="bob", now=NOW)


@pytest.mark.parametrize(
    ("scope", "name", "begins", "ends"),
    [
        ("rack", "r1", 0, 1),
        ("application", "nothing", 0, 1),
        ("mesh", "order", 0, 1),
        ("mesh", "", 1, 1),
        ("mesh", "", -2, -1),
        ("mesh", "", 0, 24 * 31),
    ],
)
def test_a_window_without_sense_or_end_is_refused(
    scope: str, name: str, begins: int, ends: int
) -> None:
    with pytest.raises(MeshError):
        window(scope, name, begins * HOUR, ends * HOUR)


def test_protected_hours_hold_by_application_and_for_all() -> None:
    an_instance()
    for application, ends in (("", 13), ("order", 14), ("order", 13)):
        windows.hours_create(
            application=application,
            weekdays=[5],
            begins=time(9),
            ends=time(ends),
            reason=f"Trade until {ends}.",
            actor="ann",
            now=NOW,
        )
    held = protected_now(NOW)
    assert {name: one.reason for name, one in held.items()} == {
        "": "Trade until 13.",
        "order": "Trade until 14.",
    }
    assert protected_now(NOW + 3 * HOUR) == {}
    with pytest.raises(Invalid):
        windows.hours_create(
            weekdays=[8], begins=time(9), ends=time(10), reason="x", actor="ann", now=NOW
        )
