"""The graph of traffic, folded until it fits what a person can look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from meshconsole.telemetry.figures import Figures, Span, figures_of
from meshconsole.telemetry.store import OTHER, EdgeKey
from meshconsole.telemetry.tally import Tally

GroupBy = Literal["application", "unit", "group"]
Level = Literal["application", "unit", "group", "units_only"]
NODES_LIMIT = 200
EDGES_LIMIT = 600

_COARSER: dict[Level, Level | None] = {
    "group": "application",
    "unit": "application",
    "application": "units_only",
    "units_only": None,
}
_WORDS: dict[Level, str] = {
    "group": "application and group",
    "unit": "application and unit",
    "application": "application",
    "units_only": "unit",
}


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """One circle: an application, or its part in a unit or group, or the world outside."""

    id: str
    label: str
    kind: Literal["application", "unit", "group", "outside", "other"]
    app: str
    unit: str
    group: str
    figures: Figures | None
    """What it took in; None for the outside, of which nothing is known."""


class GraphEdge(msgspec.Struct, frozen=True, kw_only=True):
    """One arrow, all interfaces together."""

    id: str
    source: str
    target: str
    figures: Figures


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes and edges in one answer, with what was done to make them fit."""

    begin: float
    end: float
    """Epoch seconds of what the figures cover."""
    grouped_by: Level
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    is_reduced: bool
    note: str
    """One sentence when it is coarser than asked for, else empty."""


class _Place(msgspec.Struct, frozen=True):
    kind: Literal["application", "unit", "group", "outside", "other"]
    app: str = ""
    unit: str = ""
    group: str = ""

    @property
    def id(self) -> str:
        """Its name; no name has brackets or slashes in it."""
        if self.kind in ("outside", "other"):
            return f"({self.kind})"
        return "/".join(part for part in (self.app, self.group, self.unit) if part)

    @property
    def label(self) -> str:
        if self.kind in ("outside", "other"):
            return self.kind
        return " ".join(part for part in (self.app, self.group, self.unit) if part)


def graph_of(
    *,
    calls: Mapping[EdgeKey, Tally],
    arrived: Mapping[EdgeKey, Tally],
    span: Span,
    group_by: GroupBy,
    nodes_limit: int = NODES_LIMIT,
    edges_limit: int = EDGES_LIMIT,
) -> Graph:
    """Fold calls (edges) and arrivals (what nodes took in) to at most the given sizes.

    Falls back to applications, then to units; what is still too much becomes one node `other`.
    """
    level: Level = group_by
    places, arrows = _fold(calls, arrived, level)
    while (coarser := _COARSER[level]) and not _fits(places, arrows, nodes_limit, edges_limit):
        level = coarser
        places, arrows = _fold(calls, arrived, level)
    note = ""
    if level != group_by:
        note = f"There is too much to draw by {_WORDS[group_by]}: it is told by {_WORDS[level]}."
    if not _fits(places, arrows, nodes_limit, edges_limit):
        places, arrows = _busiest(places, arrows, nodes_limit, edges_limit)
        note = f"Only the busiest by {_WORDS[level]} are drawn; narrow it with a filter."
    return Graph(
        begin=span.begin,
        end=span.end,
        grouped_by=level,
        nodes=[_node(place, tally, span) for place, tally in _sorted(places)],
        edges=[
            GraphEdge(
                id=f"{source.id}>{target.id}",
                source=source.id,
                target=target.id,
                figures=figures_of(tally, span),
            )
            for (source, target), tally in sorted(arrows.items(), key=lambda item: _ids(item[0]))
        ],
        is_reduced=bool(note),
        note=note,
    )


_Places = dict[_Place, Tally]
_Arrows = dict[tuple[_Place, _Place], Tally]


def _fold(
    calls: Mapping[EdgeKey, Tally], arrived: Mapping[EdgeKey, Tally], level: Level
) -> tuple[_Places, _Arrows]:
    places: _Places = {}
    arrows: _Arrows = {}
    for key, tally in arrived.items():
        if key.app:
            places.setdefault(_target(key, level), Tally()).add(tally)
    for key, tally in calls.items():
        if not key.app:
            continue
        source, target = _source(key, level), _target(key, level)
        places.setdefault(source, Tally())
        places.setdefault(target, Tally())
        arrows.setdefault((source, target), Tally()).add(tally)
    return places, arrows


def _target(key: EdgeKey, level: Level) -> _Place:
    return _place(level, key.app, key.unit, key.group)


def _source(key: EdgeKey, level: Level) -> _Place:
    if not key.source_app:
        return _Place("outside")
    return _place(level, key.source_app, key.source_unit, key.source_group)


def _place(level: Level, app: str, unit: str, group: str) -> _Place:
    if app == OTHER:
        return _Place("other")
    if level == "group":
        return _Place("group", app=app, group=group)
    if level == "unit":
        return _Place("unit", app=app, unit=unit)
    if level == "units_only":
        return _Place("unit", unit=unit)
    return _Place("application", app=app)


def _fits(places: _Places, arrows: _Arrows, nodes_limit: int, edges_limit: int) -> bool:
    return len(places) <= nodes_limit and len(arrows) <= edges_limit


def _busiest(
    places: _Places, arrows: _Arrows, nodes_limit: int, edges_limit: int
) -> tuple[_Places, _Arrows]:
    ranked = sorted(places, key=lambda place: (-places[place].requests, place.id))
    kept = set(ranked[: max(0, nodes_limit - 1)])
    folded: _Places = {}
    for place, tally in places.items():
        folded.setdefault(place if place in kept else _Place("other"), Tally()).add(tally)
    between: _Arrows = {}
    for (source, target), tally in arrows.items():
        ends = tuple(end if end in kept else _Place("other") for end in (source, target))
        between.setdefault((ends[0], ends[1]), Tally()).add(tally)
    strongest = sorted(between, key=lambda ends: (-between[ends].requests, _ids(ends)))
    return folded, {ends: between[ends] for ends in strongest[:edges_limit]}


def _node(place: _Place, tally: Tally, span: Span) -> GraphNode:
    return GraphNode(
        id=place.id,
        label=place.label,
        kind=place.kind,
        app=place.app,
        unit=place.unit,
        group=place.group,
        figures=None if place.kind == "outside" else figures_of(tally, span),
    )


def _sorted(places: _Places) -> list[tuple[_Place, Tally]]:
    return sorted(places.items(), key=lambda item: item[0].id)


def _ids(ends: tuple[_Place, _Place]) -> tuple[str, str]:
    return ends[0].id, ends[1].id
