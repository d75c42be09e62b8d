"""Small worlds for tests: applications, instances, nodes."""

from __future__ import annotations

from typing import Any

from meshconsole.inventory.models import Application, Group, Instance, Unit
from meshconsole.inventory.states import InstanceState
from proxy.contract.identity import Node
from proxy.contract.reports import Ejection
from proxy.contract.snapshot import KINDS


def an_application(name: str = "order", **fields: Any) -> Application:
    """An application; the same one for the same name."""
    return Application.objects.get_or_create(name=name, defaults=fields)[0]


def a_unit(name: str = "unit1", **fields: Any) -> Unit:
    """A unit; the same one for the same name."""
    return Unit.objects.get_or_create(name=name, defaults=fields)[0]


def a_group(application: Application | None = None, name: str = "Group_1") -> Group:
    """A group of an application."""
    return Group.objects.get_or_create(application=application or an_application(), name=name)[0]


def an_instance(
    instance_id: str = "order-1",
    *,
    application: str = "order",
    unit: str = "unit1",
    group: str = "Group_1",
    state: str = InstanceState.SERVING,
    **fields: Any,
) -> Instance:
    """An instance with its application, unit and group."""
    owner = an_application(application)
    defaults = {
        "application": owner,
        "unit": a_unit(unit),
        "group": a_group(owner, group),
        "address": "127.0.0.1:9001",
        "state": state,
        "caps": sorted(KINDS),
    }
    return Instance.objects.get_or_create(instance_id=instance_id, defaults=defaults | fields)[0]


def a_node(id: str = "order-1", **fields: Any) -> Node:
    """What a sidecar says of itself."""
    given = {
        "app": "order",
        "unit": "unit1",
        "group": "Group_1",
        "addr": "127.0.0.1:9001",
        "boot_id": "boot-1",
        "caps": tuple(sorted(KINDS)),
    }
    return Node(id=id, **(given | fields))


def an_ejection(instance: str = "order-1", **fields: Any) -> Ejection:
    """A caller leaves an instance of `order` out."""
    given: dict[str, Any] = {
        "id": f"ejection-{instance}",
        "service": "order",
        "instance": instance,
        "address": "",
        "unit": "unit1",
        "rule": "consecutive",
        "since": 1767323045.0,
        "until": 1767323075.0,
        "mode": "eject",
    }
    return Ejection(**(given | fields))
