"""Questions about traffic, answered from complete windows; every span is in minutes, 1 to 60.

All raise Degraded when Redis does not answer. Rates are per second over what was covered, which
is less than the span on a mesh that has just started.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from meshconsole.telemetry.figures import (
    ApplicationTraffic,
    Edge,
    GroupTraffic,
    InstanceTraffic,
    InterfaceTraffic,
    Point,
    Span,
    figures_of,
)
from meshconsole.telemetry.histogram import quantile
from meshconsole.telemetry.reader import EDGES, INSTANCES, Ten, View
from meshconsole.telemetry.store import BUCKET_SECONDS, EdgeKey, InstanceKey
from meshconsole.telemetry.tally import ERROR_CLASSES, Tally, total_of
from meshconsole.telemetry.topology import Graph, GroupBy, graph_of

_CONNECT = ERROR_CLASSES.index("connect")
_OUTSIDE_SHARE = 0.1
"""An application that took in this much more than the mesh sent is called from outside as well."""

_Name = TypeVar("_Name", bound=Hashable)


def edges(*, minutes: int, now: float | None = None) -> list[Edge]:
    """Calls between applications by group and interface, and those from outside, busiest first."""

    def answer(view: View[EdgeKey]) -> list[Edge]:
        found = [_edge(key, tally, view.span) for key, tally in _calls(view.rows).items()]
        return sorted(found, key=lambda edge: -edge.figures.requests)

    return list(EDGES.ask("edges", minutes=minutes, now=_at(now), answer=answer))


def plain_until(app: str, *, minutes: int, now: float | None = None) -> float | None:
    """When a call to `app` last came in plaintext, to the end of its bucket of ten seconds (epoch
    s); None when none did in these minutes. Raises Degraded."""
    at = _at(now)
    for ten in reversed(EDGES.tens(begin=at - 60 * minutes - BUCKET_SECONDS, end=at, now=at)):
        calls = _calls(dict(ten.rows))
        if any(key.app == app and not key.encrypted and t.requests for key, t in calls.items()):
            return float(ten.at + BUCKET_SECONDS)
    return None


def applications(*, minutes: int, now: float | None = None) -> list[ApplicationTraffic]:
    """Each application that was called, busiest first."""

    def answer(view: View[EdgeKey]) -> list[ApplicationTraffic]:
        arrived = _by(view.rows, lambda key: key.app, _arrivals)
        sent = _by(view.rows, lambda key: key.app, _sent)
        found = [
            ApplicationTraffic(
                app=app,
                figures=figures_of(arrived.get(app, Tally()), view.span),
                callers=figures_of(sent.get(app, Tally()), view.span),
            )
            for app in arrived.keys() | sent.keys()
            if app
        ]
        return sorted(found, key=lambda each: (-each.figures.requests, each.app))

    return list(EDGES.ask("applications", minutes=minutes, now=_at(now), answer=answer))


def instances(*, minutes: int, now: float | None = None) -> list[InstanceTraffic]:
    """Each instance that took requests in, busiest first; at most the last 15 minutes."""

    def answer(view: View[InstanceKey]) -> list[InstanceTraffic]:
        found = [
            InstanceTraffic(
                instance=key.instance,
                app=key.app,
                unit=key.unit,
                group=key.group,
                figures=figures_of(tally, view.span),
            )
            for key, tally in view.rows.items()
        ]
        return sorted(found, key=lambda each: (-each.figures.requests, each.instance))

    return list(INSTANCES.ask("instances", minutes=minutes, now=_at(now), answer=answer))


def interfaces(*, app: str, minutes: int, now: float | None = None) -> list[InterfaceTraffic]:
    """Each interface of an application that was called, busiest first."""

    def answer(view: View[EdgeKey]) -> list[InterfaceTraffic]:
        mine = {key: tally for key, tally in view.rows.items() if key.app == app}
        found = [
            InterfaceTraffic(app=app, interface=name, figures=figures_of(tally, view.span))
            for name, tally in _by(mine, lambda key: key.interface, _arrivals).items()
        ]
        return sorted(found, key=lambda each: (-each.figures.requests, each.interface))

    return list(EDGES.ask(("interfaces", app), minutes=minutes, now=_at(now), answer=answer))


def groups(*, app: str, minutes: int, now: float | None = None) -> list[GroupTraffic]:
    """What callers in the mesh send to each group of an application, by name."""

    def answer(view: View[EdgeKey]) -> list[GroupTraffic]:
        sent = {k: tally for k, tally in view.rows.items() if k.side == "out" and k.app == app}
        by_group = _by(sent, lambda key: key.group, _sent)
        callers: dict[str, set[tuple[str, str, str]]] = {}
        for key in sent:
            caller = (key.source_app, key.source_unit, key.source_group)
            callers.setdefault(key.group, set()).add(caller)
        total = sum(tally.requests for tally in by_group.values())
        seconds = view.span.seconds
        return [
            GroupTraffic(
                group=group,
                requests_per_second=tally.requests / seconds if seconds else 0.0,
                share=tally.requests / total if total else 0.0,
                caller_count=len(callers[group]),
            )
            for group, tally in sorted(by_group.items())
        ]

    return list(EDGES.ask(("groups", app), minutes=minutes, now=_at(now), answer=answer))


def series(*, minutes: int, app: str | None = None, now: float | None = None) -> list[Point]:
    """Requests to an application, or to all of them each hop once, per ten seconds."""

    def answer(view: View[EdgeKey]) -> list[Point]:
        return [
            _point(ten, app, begin=max(view.span.begin, ten.at))
            for ten in view.tens.values()
            if ten.at + BUCKET_SECONDS > view.span.begin
        ]

    return list(EDGES.ask(("series", app), minutes=minutes, now=_at(now), answer=answer))


def encrypted_share(*, minutes: int, now: float | None = None) -> float | None:
    """Share of requests that arrived encrypted, 0 to 1, each hop once; None without requests."""

    def answer(view: View[EdgeKey]) -> float | None:
        inbound = [tally for key, tally in view.rows.items() if key.side == "in"]
        requests = sum(tally.requests for tally in inbound)
        return sum(tally.encrypted for tally in inbound) / requests if requests else None

    return EDGES.ask("encrypted", minutes=minutes, now=_at(now), answer=answer)


def topology(
    *,
    minutes: int,
    group_by: GroupBy = "application",
    app: str | None = None,
    now: float | None = None,
) -> Graph:
    """The whole graph in one answer, within its budget; `app` keeps only what touches it."""

    def answer(view: View[EdgeKey]) -> Graph:
        calls, arrived = _calls(view.rows), {}
        for key, tally in view.rows.items():
            arrival = _arrivals(key, tally)
            if arrival is not None:
                arrived[key] = arrival
        if app is not None:
            calls = {key: t for key, t in calls.items() if app in (key.app, key.source_app)}
            near = {key.app for key in calls} | {key.source_app for key in calls} | {app}
            arrived = {key: tally for key, tally in arrived.items() if key.app in near}
        return graph_of(calls=calls, arrived=arrived, span=view.span, group_by=group_by)

    question = ("topology", group_by, app)
    return EDGES.ask(question, minutes=minutes, now=_at(now), answer=answer)


def _at(now: float | None) -> float:
    return time.time() if now is None else now


def _point(ten: Ten[EdgeKey], app: str | None, *, begin: float) -> Point:
    """One bucket's point; the bucket keeps it, since neither ever changes."""
    known: Point | None = ten.memo.get((app, begin))
    if known is None:
        tally = total_of(
            arrival
            for key, counted in ten.rows.items()
            if (app is None or key.app == app) and (arrival := _arrivals(key, counted)) is not None
        )
        figures = figures_of(tally, Span(begin, ten.at + BUCKET_SECONDS))
        known = ten.memo[app, begin] = Point(
            at=float(ten.at),
            requests_per_second=figures.requests_per_second,
            error_ratio=figures.error_ratio,
            p95_seconds=quantile(tally.latency, 0.95),
        )
    return known


def _calls(rows: dict[EdgeKey, Tally]) -> dict[EdgeKey, Tally]:
    """Who called whom as the callers saw it, and the outside as the callees did."""
    return {key: t for key, t in rows.items() if key.side == "out"} | _from_outside(rows)


def _edge(key: EdgeKey, tally: Tally, span: Span) -> Edge:
    return Edge(
        source_app=key.source_app,
        source_unit=key.source_unit,
        source_group=key.source_group,
        app=key.app,
        unit=key.unit,
        group=key.group,
        interface=key.interface,
        encrypted=key.encrypted,
        figures=figures_of(tally, span),
    )


def _arrivals(key: EdgeKey, tally: Tally) -> Tally | None:
    """What the callee counted, and of the callers what it cannot know: connects that failed."""
    if key.side == "in":
        return tally
    failed = tally.errors[_CONNECT]
    if not failed:
        return None
    errors = [0] * len(ERROR_CLASSES)
    errors[_CONNECT] = failed
    return Tally(requests=failed, errors=errors)


def _sent(key: EdgeKey, tally: Tally) -> Tally | None:
    return tally if key.side == "out" else None


def _by(
    rows: dict[EdgeKey, Tally],
    name: Callable[[EdgeKey], _Name],
    take: Callable[[EdgeKey, Tally], Tally | None],
) -> dict[_Name, Tally]:
    totals: dict[_Name, Tally] = {}
    for key, tally in rows.items():
        taken = take(key, tally)
        if taken is not None:
            totals.setdefault(name(key), Tally()).add(taken)
    return totals


def _from_outside(rows: dict[EdgeKey, Tally]) -> dict[EdgeKey, Tally]:
    """Inbound rows of applications that took in clearly more than sidecars sent to them."""
    sent: dict[str, int] = {}
    arrived: dict[str, int] = {}
    for key, tally in rows.items():
        side = sent if key.side == "out" else arrived
        side[key.app] = side.get(key.app, 0) + tally.requests
    outside = {
        app for app, count in arrived.items() if count - sent.get(app, 0) > _OUTSIDE_SHARE * count
    }
    scale = {app: 1 - sent.get(app, 0) / arrived[app] for app in outside}
    return {
        key: _scaled(tally, scale[key.app])
        for key, tally in rows.items()
        if key.side == "in" and key.app in outside
    }


def _scaled(tally: Tally, share: float) -> Tally:
    if share >= 1:
        return tally
    return Tally(
        requests=_part(tally.requests, share),
        encrypted=_part(tally.encrypted, share),
        errors=_parts(tally.errors, share),
        status=_parts(tally.status, share),
        latency=_parts(tally.latency, share),
        latency_sum_seconds=tally.latency_sum_seconds * share,
        bytes_in=_part(tally.bytes_in, share),
        bytes_out=_part(tally.bytes_out, share),
    )


def _part(count: int, share: float) -> int:
    return round(count * share)


def _parts(counts: Iterable[int], share: float) -> list[int]:
    return [_part(count, share) for count in counts]
