"""The sample mesh is the one that is promised."""

from __future__ import annotations

from collections import Counter

from meshconsole.demo.mesh import places
from meshconsole.demo.ports import Ports
from meshconsole.demo.service.apps import APPS


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
