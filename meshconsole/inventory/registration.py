"""What sidecars say of themselves, written down for many at once; pure comparison, then few rows.

Only a change costs anything: a node that says what is known already writes no row, and the revision
grows only when a caller's snapshot would look different.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meshconsole.inventory.models import Application, Group, Instance, Interface, Source, Unit
from meshconsole.inventory.states import TRANSITIONS, InstanceEvent, InstanceState
from proxy.contract.identity import Node

SEEN_BY_CALLERS = frozenset({"application_id", "unit_id", "group_id", "address", "caps", "state"})


@dataclass(frozen=True)
class Nouns:
    """The rows that a batch of nodes names, by name."""

    applications: dict[str, Application]
    units: dict[str, Unit]
    groups: dict[tuple[str, str], Group]
    made: bool
    """Was any of them, or an interface, new?"""


def nouns_ensure(nodes: Sequence[Node]) -> Nouns:
    """Make the applications, units, groups and interfaces that are not there yet."""
    applications, new_applications = _named(Application, {node.app for node in nodes})
    units, new_units = _named(Unit, {node.unit for node in nodes})
    wanted = {(node.app, node.group) for node in nodes}
    known = _groups(applications)
    missing = sorted(wanted - known.keys())
    if missing:
        Group.objects.bulk_create(
            [Group(application=applications[app], name=name) for app, name in missing],
            ignore_conflicts=True,
        )
        known = _groups(applications)
    interfaces = _interfaces_ensure(nodes, applications)
    return Nouns(
        applications,
        units,
        {key: known[key] for key in wanted},
        made=bool(new_applications or new_units or missing or interfaces),
    )


def instance_fields(node: Node, nouns: Nouns) -> dict[str, Any]:
    """The columns of an instance that a node decides."""
    return {
        "application_id": nouns.applications[node.app].pk,
        "unit_id": nouns.units[node.unit].pk,
        "group_id": nouns.groups[node.app, node.group].pk,
        "address": node.addr,
        "sidecar_version": node.version[:60],
        "caps": list(node.caps),
        "interfaces": list(node.interfaces),
        "boot_id": node.boot_id[:64],
        "source": Source.SIDECAR,
        "gone_at": None,
    }


def instance_differences(row: Instance, fields: dict[str, Any]) -> dict[str, Any]:
    """What is to change; a registration also brings back one that was gone."""
    state = InstanceState(row.state)
    known = TRANSITIONS.get((state, InstanceEvent.REGISTERED), state)
    wanted = fields | {"state": known}
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


def instance_new(node: Node, fields: dict[str, Any], now: datetime) -> Instance:
    """A row for a node that was never heard before: it speaks, so it serves."""
    return Instance(instance_id=node.id, state=InstanceState.SERVING, seen_at=now, **fields)


def _named(model: Any, names: set[str]) -> tuple[dict[str, Any], bool]:
    found = {row.name: row for row in model.objects.filter(name__in=names)}
    missing = sorted(names - found.keys())
    if missing:
        model.objects.bulk_create([model(name=name) for name in missing], ignore_conflicts=True)
        found = {row.name: row for row in model.objects.filter(name__in=names)}
    return found, bool(missing)


def _groups(applications: dict[str, Application]) -> dict[tuple[str, str], Group]:
    rows = Group.objects.filter(application__in=applications.values())
    return {(row.application.name, row.name): row for row in rows.select_related("application")}


def _interfaces_ensure(nodes: Sequence[Node], applications: dict[str, Application]) -> bool:
    wanted = {(node.app, name[:200]) for node in nodes for name in node.interfaces}
    known = set(
        Interface.objects.filter(application__in=applications.values()).values_list(
            "application__name", "name"
        )
    )
    missing = sorted(wanted - known)
    Interface.objects.bulk_create(
        [Interface(application=applications[app], name=name) for app, name in missing],
        ignore_conflicts=True,
    )
    return bool(missing)
