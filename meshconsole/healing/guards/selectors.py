"""What guards healing now: the policy in force, brakes that are pulled, times of caution."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

import msgspec
from django.db.models import Q, QuerySet

from meshconsole.audit.models import AuditEntry
from meshconsole.healing.guards.hours import holds_until
from meshconsole.healing.guards.models import (
    MESH,
    HealingPolicy,
    KillSwitch,
    MaintenanceWindow,
    ProtectedHours,
)
from meshconsole.healing.guards.parameters import EJECTION, PARAMETERS, EjectionMode, Mode, exact
from proxy.contract.snapshot import HealingTerms

INSTALL_MODE: Mode = "observe"
INSTALL_EJECTION: EjectionMode = "report"


class Effective(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of one application as it holds, each part from whoever said it last.

    The application's own row goes before the mesh's, and that before the install defaults.
    """

    application: str
    """Empty is the mesh."""
    version: int
    """Of its own row; 0 when there is none."""
    mode: Mode
    ejection_mode: EjectionMode
    numbers: dict[str, float]
    """All of `parameters.PARAMETERS`."""
    ejection: dict[str, float]
    """All of `parameters.EJECTION`."""
    actuator: str
    actuator_settings: dict[str, Any]
    is_critical: bool
    said_by: dict[str, str]
    """Who said each part: `application`, `mesh` or `default`."""


def policy_of(application: str = MESH) -> Effective:
    """The policy in force for an application; of the mesh without one."""
    return policies_of([application])[application]


def policies_of(applications: Iterable[str]) -> dict[str, Effective]:
    """The same for many, in one read."""
    wanted = list(applications)
    rows = {
        row.application: row
        for row in HealingPolicy.objects.filter(application__in=[MESH, *wanted])
    }
    return {name: effective(name, rows.get(MESH), rows.get(name)) for name in wanted}


def effective(application: str, mesh: HealingPolicy | None, own: HealingPolicy | None) -> Effective:
    """Lay the application's row over the mesh's and both over the install defaults."""
    layers: list[tuple[str, HealingPolicy]] = []
    if own is not None and application != MESH:
        layers.append(("application", own))
    if mesh is not None:
        layers.append(("mesh", mesh))
    said: dict[str, str] = {}

    def first(part: str, otherwise: Any) -> Any:
        for who, row in layers:
            value = getattr(row, part)
            if value not in ("", None):
                said[part] = who
                return value
        said[part] = "default"
        return otherwise

    numbers = {one.name: one.default for one in PARAMETERS.values()}
    ejection = {one.name: one.default for one in EJECTION.values()}
    said |= dict.fromkeys((*numbers, *ejection), "default")
    for who, row in reversed(layers):
        numbers |= row.numbers
        ejection |= row.ejection
        said |= dict.fromkeys((*row.numbers, *row.ejection), who)
    acts = next((row for _, row in layers if row.actuator), None)
    held = own if application != MESH else mesh
    return Effective(
        application=application,
        version=held.version if held is not None else 0,
        mode=cast("Mode", first("mode", INSTALL_MODE)),
        ejection_mode=cast("EjectionMode", first("ejection_mode", INSTALL_EJECTION)),
        numbers=exact(numbers, PARAMETERS),
        ejection=exact(ejection, EJECTION),
        actuator=first("actuator", ""),
        actuator_settings=_settings(acts, mesh),
        is_critical=first("is_critical", False),
        said_by=said,
    )


def _settings(acts: HealingPolicy | None, mesh: HealingPolicy | None) -> dict[str, Any]:
    """An actuator's settings; an application that names the mesh's own adds to the mesh's."""
    if acts is None:
        return {}
    if mesh is not None and mesh.actuator == acts.actuator:
        return {**mesh.actuator_settings, **acts.actuator_settings}
    return dict(acts.actuator_settings)


def ejection_terms(applications: Iterable[str]) -> tuple[HealingTerms, ...]:
    """What callers are told of each application; where a brake is pulled they only report.

    One that has nothing but the defaults is left out.
    """
    braked = {row.application for row in kill_switches().filter(switch="ejection")}
    found = []
    for name, policy in policies_of(applications).items():
        mode = policy.ejection_mode
        if braked & {MESH, name} and mode != "off":
            mode = "report"
        terms = msgspec.convert({"name": name, "mode": mode, **policy.ejection}, HealingTerms)
        if terms != HealingTerms(name=name):
            found.append(terms)
    return tuple(found)


def kill_switches() -> QuerySet[KillSwitch]:
    """Every brake that is pulled, the mesh's first."""
    return KillSwitch.objects.order_by("application", "switch")


def killed(switch: str, application: str = MESH) -> KillSwitch | None:
    """The brake that stops this for an application, the mesh's before its own; None runs on."""
    here = {MESH, application}
    return kill_switches().filter(switch=switch, application__in=here).first()


def maintenance_windows(now: datetime) -> QuerySet[MaintenanceWindow]:
    """Those that have not ended, the next one first."""
    return MaintenanceWindow.objects.filter(ends_at__gt=now).order_by("begins_at", "pk")


def maintenance_of(
    *, instance: str, application: str, unit: str, now: datetime
) -> MaintenanceWindow | None:
    """The window that an instance is in now; the one that ends last."""
    mine = (
        Q(scope="mesh")
        | Q(scope="unit", name=unit)
        | Q(scope="application", name=application)
        | Q(scope="instance", name=instance)
    )
    running = maintenance_windows(now).filter(mine, begins_at__lte=now)
    return running.order_by("-ends_at", "pk").first()


class Protected(msgspec.Struct, frozen=True):
    """Hours that ask for a person now."""

    until: datetime
    reason: str


def protected_hours() -> QuerySet[ProtectedHours]:
    """All of them, the mesh's first."""
    return ProtectedHours.objects.order_by("application", "pk")


def protected_now(now: datetime) -> dict[str, Protected]:
    """The hours that hold now, by application (empty: the mesh): of several those that end last."""
    holding: dict[str, Protected] = {}
    for row in protected_hours():
        until = holds_until(row.weekdays, row.begins, row.ends, row.time_zone, now)
        known = holding.get(row.application)
        if until is not None and (known is None or until > known.until):
            holding[row.application] = Protected(until, row.reason)
    return holding


def switch_lifted_at() -> datetime | None:
    """When a kill switch of healing was last let go."""
    lifted = AuditEntry.objects.filter(verb="kill_switch_release", object__startswith=_HEALING)
    return lifted.order_by("-sequence").values_list("at", flat=True).first()


_HEALING = "kill-switch:healing/"
