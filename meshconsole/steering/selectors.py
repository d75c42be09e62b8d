"""Reading routes: what is in force, what it was, and what a change would do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from django.db.models import Count, OuterRef, QuerySet, Subquery

from meshconsole.core.errors import Degraded, NotFound
from meshconsole.inventory.models import Application, Group, Instance, Source
from meshconsole.inventory.states import InstanceState
from meshconsole.steering.models import Route, RouteVersion
from meshconsole.steering.split import (
    Finding,
    Move,
    Split,
    difference,
    group_findings,
    moves,
    shape_findings,
    summary,
)
from meshconsole.telemetry import selectors as telemetry
from meshconsole.telemetry.figures import GroupTraffic

PREVIEW_MINUTES = 5


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """An application as a split sees it."""

    app: str
    groups: tuple[str, ...]
    serving: dict[str, int]
    """Serving instances per group."""


class GroupLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One group before and after; shares in percent, rates in requests per second."""

    group: str
    serving_count: int
    percent_before: float | None
    """What the route in force says; None without a route."""
    percent_measured: float | None
    """What callers really sent; None when that is not known."""
    percent_after: float
    requests_per_second_before: float | None
    requests_per_second_after: float | None
    requests_per_second_after_each: float | None
    """Per serving instance."""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a split would do, before anybody does it."""

    app: str
    version: int
    """The version that it would replace; 0 for none."""
    summary: str
    difference: list[str]
    findings: list[Finding]
    groups: list[GroupLoad]
    matrix: list[Move]
    affected_sidecar_count: int
    caller_count: int
    requests_per_second: float | None
    minutes: int
    is_traffic_known: bool
    """False while Redis is away, or when nothing was measured yet."""


class RouteRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of routes; version 0 is an application without a route."""

    app: str
    version: int
    split: Split
    groups: tuple[str, ...]
    serving: dict[str, int]
    updated_at: Any
    updated_by: str


def route_for(app: str) -> Route | None:
    """The route of an application; None without one, NotFound without the application."""
    route = Route.objects.select_related("application").filter(application__name=app).first()
    if route is None and not Application.objects.filter(name=app).exists():
        raise unknown_application(app)
    return route


def route_list(
    ids: Collection[int] | None = None, *, names: Collection[str] | None = None
) -> list[RouteRow]:
    """Applications with their groups and routes, by name, in four queries; all by default."""
    apps = Application.objects.order_by("name")
    if ids is not None:
        apps = apps.filter(pk__in=ids)
    if names is not None:
        apps = apps.filter(name__in=names)
    latest = RouteVersion.objects.filter(route=OuterRef("pk")).order_by("-version")
    routes = {
        route.application_id: route
        for route in Route.objects.filter(application__in=apps).annotate(
            actor=Subquery(latest.values("actor")[:1])
        )
    }
    groups: dict[int, list[str]] = {}
    named = Group.objects.filter(application__in=apps).order_by("name")
    for app_id, name in named.values_list("application_id", "name"):
        groups.setdefault(app_id, []).append(name)
    serving = _serving_by_application(apps)
    return [
        _route_row(name, routes.get(app_id), groups.get(app_id, ()), serving.get(app_id, {}))
        for app_id, name in apps.values_list("pk", "name")
    ]


def _route_row(app: str, route: Any, groups: Sequence[str], serving: dict[str, int]) -> RouteRow:
    return RouteRow(
        app=app,
        version=route.version if route else 0,
        split=route.split if route else {},
        groups=tuple(groups),
        serving=serving,
        updated_at=route.updated_at if route else None,
        updated_by=route.actor if route else "",
    )


def version_list(app: str) -> QuerySet[RouteVersion]:
    """Every version of an application's route, newest first."""
    route = route_for(app)
    return RouteVersion.objects.filter(route=route).order_by("-version")


def version_latest(app: str) -> RouteVersion | None:
    """Who set what is in force, and when."""
    return RouteVersion.objects.filter(route__application__name=app).order_by("-version").first()


def route_state(app: str, route: Route | None) -> dict[str, Any]:
    """A route as answers and problems tell it."""
    return {
        "application": app,
        "version": route.version if route else 0,
        "split": route.split if route else {},
        "updated_at": route.updated_at.isoformat() if route else None,
    }


def target_of(app: str) -> Target:
    """The groups of an application and who serves in them; NotFound."""
    found = route_list(names=[app])
    if not found:
        raise unknown_application(app)
    return Target(app=app, groups=found[0].groups, serving=found[0].serving)


def unknown_application(app: str) -> NotFound:
    """The error for a name that no application has."""
    return NotFound(f"There is no application {app[:80]!r}.")


def split_preview(*, app: str, split: Mapping[str, Any], now: float | None = None) -> Preview:
    """What the split would do to the traffic of the last minutes; for everybody who may look."""
    route = route_for(app)
    target = target_of(app)
    findings = shape_findings(split)
    wanted: Split = {}
    if not findings:
        wanted = dict(split)
        findings = group_findings(wanted, app=app, groups=target.groups, serving=target.serving)
    measured = _measured(app, now)
    rate = sum(group.requests_per_second for group in measured) if measured else None
    before = _before(route, target, measured)
    return Preview(
        app=app,
        version=route.version if route else 0,
        summary=summary(app, route.split if route else None, wanted) if wanted else "",
        difference=difference(route.split if route else None, wanted) if wanted else [],
        findings=findings,
        groups=_loads(route, target, measured, wanted, rate),
        matrix=moves(before, wanted, rate=rate or 0.0) if wanted and before else [],
        affected_sidecar_count=_sidecar_count(),
        caller_count=sum(group.caller_count for group in measured or ()),
        requests_per_second=rate,
        minutes=PREVIEW_MINUTES,
        is_traffic_known=bool(measured),
    )


def _measured(app: str, now: float | None) -> list[GroupTraffic] | None:
    try:
        return telemetry.groups(app=app, minutes=PREVIEW_MINUTES, now=now)
    except Degraded:
        return None


def _before(route: Route | None, target: Target, measured: Sequence[GroupTraffic] | None) -> Split:
    """Percent per group now: the route's word, else as measured, else by serving instances."""
    if route is not None:
        return dict(route.split)
    if measured:
        return {group.group: group.share * 100 for group in measured}
    total = sum(target.serving.values())
    return {group: 100 * n / total for group, n in target.serving.items()} if total else {}


def _loads(
    route: Route | None,
    target: Target,
    measured: Sequence[GroupTraffic] | None,
    wanted: Split,
    rate: float | None,
) -> list[GroupLoad]:
    seen = {group.group: group for group in measured or ()}
    loads = []
    for name in sorted({*target.groups, *wanted}):
        traffic = seen.get(name)
        percent = float(wanted.get(name, 0))
        after = None if rate is None else rate * percent / 100
        count = target.serving.get(name, 0)
        loads.append(
            GroupLoad(
                group=name,
                serving_count=count,
                percent_before=float(route.split.get(name, 0)) if route else None,
                percent_measured=_share(traffic, is_known=bool(measured)),
                percent_after=percent,
                requests_per_second_before=_rate(traffic, is_known=bool(measured)),
                requests_per_second_after=after,
                requests_per_second_after_each=after / count if after and count else after,
            )
        )
    return loads


def _share(traffic: GroupTraffic | None, *, is_known: bool) -> float | None:
    if not is_known:
        return None
    return traffic.share * 100 if traffic else 0.0


def _rate(traffic: GroupTraffic | None, *, is_known: bool) -> float | None:
    if not is_known:
        return None
    return traffic.requests_per_second if traffic else 0.0


def _sidecar_count() -> int:
    """Sidecars that are told of the change: configuration travels whole, so all of them."""
    return Instance.objects.open().filter(source=Source.SIDECAR).count()


def _serving_by_application(apps: QuerySet[Application]) -> dict[int, dict[str, int]]:
    counted = (
        Instance.objects.filter(state=InstanceState.SERVING, application__in=apps)
        .values("application_id", "group__name")
        .annotate(n=Count("pk"))
        .order_by()
    )
    found: dict[int, dict[str, int]] = {}
    for row in counted:
        found.setdefault(row["application_id"], {})[row["group__name"]] = row["n"]
    return found
