"""The sample mesh is the one that is promised."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from meshconsole.demo.mesh import Place, places
from meshconsole.demo.ports import Ports
from meshconsole.demo.processes import Cast, Doors
from meshconsole.demo.service.apps import APPS
from meshconsole.demo.state import State


def test_nine_instances_of_three_applications_in_two_units() -> None:
    ports = Ports(first=29600, last=29700)
    found = places(ports)
    ports.release()
    assert Counter(place.app for place in found) == {"gateway": 2, "order": 4, "stock": 3}
    assert {place.unit for place in found} == {"unit1", "unit2"}
    assert len({place.instance for place in found}) == 9
    used = [p for each in found for p in (each.app_port, each.inbound, each.outbound, each.admin)]
    assert len(set(used)) == 36


def test_order_has_an_instance_of_both_groups_in_both_units() -> None:
    ports = Ports(first=29700, last=29800)
    found = {(place.unit, place.group) for place in places(ports) if place.app == "order"}
    ports.release()
    assert len(found) == 4


def test_every_application_declares_several_interfaces() -> None:
    assert all(len(interfaces) >= 3 for interfaces in APPS.values())


def test_only_the_instances_that_are_named_stand_behind_a_box() -> None:
    ports = Ports(first=29800, last=29900)
    found = places(ports, ["stock-1"])
    ports.release()
    assert [place.instance for place in found if place.front] == ["stock-1"]
    cast = Cast(State(Path("/nowhere")), Doors(console=1, discovery=2, enrol=3, load=4), _nothing)
    place = next(place for place in found if place.front)
    sidecar, service = cast.sidecar(place).argv, cast.service(place).argv
    assert sidecar[sidecar.index("--advertise") + 1] == f"127.0.0.1:{place.front}"
    listen, towards = service[service.index("--front") + 1 :]
    assert (listen, towards) == (f"127.0.0.1:{place.front}", f"127.0.0.1:{place.inbound}")
    assert "--advertise" not in cast.sidecar(found[0]).argv
    assert "--front" not in cast.service(found[0]).argv


async def _nothing(_place: Place) -> None:
    pass
