"""The sample mesh on paper: which instances there are, in which unit and group, on which ports."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from meshconsole.demo.ports import HOST, Ports

UNITS = ("unit1", "unit2")
GROUPS = ("Group_1", "Group_2")
TIERS = {"gateway": "critical", "order": "critical", "stock": "standard"}
_LAYOUT = (
    ("gateway", "unit1", "Group_1"),
    ("gateway", "unit2", "Group_1"),
    ("order", "unit1", "Group_1"),
    ("order", "unit1", "Group_2"),
    ("order", "unit2", "Group_1"),
    ("order", "unit2", "Group_2"),
    ("stock", "unit1", "Group_1"),
    ("stock", "unit1", "Group_1"),
    ("stock", "unit2", "Group_1"),
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One instance and the four ports it uses."""

    app: str
    unit: str
    group: str
    instance: str
    app_port: int
    inbound: int
    outbound: int
    admin: int
    front: int = 0
    """Of a box before the instance, where callers dial then; 0 is none."""

    @property
    def control(self) -> str:
        """Where the application itself is told what to do."""
        return f"http://{HOST}:{self.app_port}"


def places(
    ports: Ports, fronted: Collection[str] = (), removed: Mapping[str, str] | None = None
) -> tuple[Place, ...]:
    """The nine instances, each with ports of its own; those in `fronted` behind a box.

    `removed` names instances that are gone for good and those that took their places since.
    """
    numbers: dict[str, int] = {}
    found = []
    for app, unit, group in _LAYOUT:
        numbers[app] = numbers.get(app, 0) + 1
        instance = f"{app}-{numbers[app]}"
        while removed and instance in removed:
            instance = removed[instance]
        found.append(seated(app, unit, group, instance, ports, has_front=instance in fronted))
    return tuple(found)


def seated(
    app: str, unit: str, group: str, instance: str, ports: Ports, *, has_front: bool = False
) -> Place:
    """One instance on ports of its own."""
    return Place(
        app=app,
        unit=unit,
        group=group,
        instance=instance,
        app_port=ports.take(),
        inbound=ports.take(),
        outbound=ports.take(),
        admin=ports.take(),
        front=ports.take() if has_front else 0,
    )
