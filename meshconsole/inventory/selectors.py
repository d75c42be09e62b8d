"""Reads of the inventory, with what a page shows beside each row fetched in one go."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet

from meshconsole.core.errors import NotFound
from meshconsole.inventory.models import Application, Group, Instance, Interface, Unit
from meshconsole.inventory.states import OPEN, InstanceState

_SERVING = Q(instances__state=InstanceState.SERVING)
_OPEN = Q(instances__state__in=OPEN)


def applications() -> QuerySet[Application]:
    """All applications, with `instance_count`, `serving_count` and their groups."""
    return Application.objects.annotate(
        instance_count=Count("instances", filter=_OPEN),
        serving_count=Count("instances", filter=_SERVING),
    ).prefetch_related(Prefetch("groups", Group.objects.order_by("name")))


def application_get(name: str) -> Application:
    """One application with the same counts; raises NotFound."""
    found = applications().prefetch_related("interfaces").filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no application {name[:80]!r}.")
    return found


def units() -> QuerySet[Unit]:
    """All units, with `instance_count`, `serving_count` and `application_count`."""
    return Unit.objects.annotate(
        instance_count=Count("instances", filter=_OPEN),
        serving_count=Count("instances", filter=_SERVING),
        application_count=Count("instances__application", filter=_OPEN, distinct=True),
    )


def unit_get(name: str) -> Unit:
    """One unit with the same counts; raises NotFound."""
    found = units().filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no unit {name[:80]!r}.")
    return found


def groups(application: str = "") -> QuerySet[Group]:
    """Groups with `serving_count`, of one application or of all."""
    rows = Group.objects.select_related("application").annotate(
        serving_count=Count("instances", filter=_SERVING)
    )
    return rows.filter(application__name=application) if application else rows


def interfaces(application: str = "") -> QuerySet[Interface]:
    """Declared interfaces, of one application or of all."""
    rows = Interface.objects.select_related("application")
    return rows.filter(application__name=application) if application else rows


def instances(
    *, application: str = "", unit: str = "", group: str = "", state: str = "", gone: bool = False
) -> QuerySet[Instance]:
    """Instances with their parts, by any of these; those that are gone only when asked for."""
    rows = Instance.objects.named_parts()
    filters = {
        "application__name": application,
        "unit__name": unit,
        "group__name": group,
        "state": state,
    }
    rows = rows.filter(**{name: value for name, value in filters.items() if value})
    return rows if gone or state else rows.filter(state__in=OPEN)


def instance_get(instance_id: str) -> Instance:
    """One instance with its parts, also when it is gone; raises NotFound."""
    found = Instance.objects.named_parts().filter(instance_id=instance_id).first()
    if found is None:
        raise NotFound(f"There is no instance {instance_id[:80]!r}.")
    return found


def counts() -> dict[str, int]:
    """Numbers for the overview: applications, units, instances and those that serve."""
    states = dict(
        Instance.objects.filter(state__in=OPEN)
        .order_by()
        .values_list("state")
        .annotate(n=Count("pk"))
    )
    return {
        "applications": Application.objects.count(),
        "units": Unit.objects.count(),
        "instances": sum(states.values()),
        "serving": states.get(InstanceState.SERVING, 0),
        "draining": states.get(InstanceState.DRAINING, 0),
    }


def application_shown(row: Application) -> dict[str, Any]:
    """What is kept of an application when it changes."""
    return {
        "tier": row.tier,
        "labels": row.labels,
        "balancer": row.balancer,
        "hash_on": row.hash_on,
        "locality": row.locality,
        "slow_start_seconds": row.slow_start_seconds,
        "protocol": row.protocol,
        "retries": row.retries,
        "retry_on": row.retry_on,
        "try_timeout_seconds": row.try_timeout_seconds,
        "connect_timeout_seconds": row.connect_timeout_seconds,
        "request_timeout_seconds": row.request_timeout_seconds,
        "idle_timeout_seconds": row.idle_timeout_seconds,
        "groups": sorted(row.groups.values_list("name", flat=True)),
        "version": row.version,
    }


def unit_shown(row: Unit) -> dict[str, Any]:
    """What is kept of a unit when it changes."""
    return {"kind": row.kind, "labels": row.labels, "version": row.version}
