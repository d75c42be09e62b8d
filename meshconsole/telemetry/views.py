"""Pages of traffic: the topology with its table, and an application's figures over time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshconsole.core.headers import inline_styles
from meshconsole.core.pages import live, minutes_of, ranges, search_of
from meshconsole.telemetry import charts, graph_filter, graph_view, selectors
from meshconsole.telemetry.layout import drawing_of
from meshconsole.telemetry.notes import Note, notes_now, words_of
from meshconsole.telemetry.topology import Graph, GroupBy

GROUPINGS = (("application", "Application"), ("group", "Group"), ("unit", "Unit"))


@require_safe
@inline_styles
def topology(request: HttpRequest) -> HttpResponse:
    """The graph, its filter and its table."""
    return render(request, "telemetry/topology.html", _topology(request))


@require_safe
def topology_table(request: HttpRequest) -> HttpResponse:
    """The table again, with what the graph is updated from."""
    return render(request, "telemetry/_topology_table.html", _topology(request))


@require_safe
@inline_styles
def application_traffic(request: HttpRequest, name: str) -> HttpResponse:
    """One application's rate, errors and latency, by interface and group."""
    return render(request, "telemetry/application_traffic.html", _traffic(request, name))


@require_safe
def application_traffic_figures(request: HttpRequest, name: str) -> HttpResponse:
    """The figures again."""
    return render(request, "telemetry/_application_traffic.html", _traffic(request, name))


def mini_graph(minutes: int, *, app: str | None = None) -> dict[str, Any] | None:
    """A small drawing of the whole mesh or of one application's neighbours; None when degraded."""
    graph = live(lambda: selectors.topology(minutes=minutes, app=app))
    if graph is None:
        return None
    drawing = drawing_of(graph)
    if drawing is None:
        return {"graph": graph, "drawing": None}
    return {
        "graph": graph,
        "drawing": drawing,
        "cards": graph_view.cards(graph, drawing, notes_now(timezone.now())),
        "arrows": graph_view.arrows(graph, drawing),
    }


def _topology(request: HttpRequest) -> dict[str, Any]:
    minutes, by, text = minutes_of(request), _grouping(request), search_of(request)
    conditions = graph_filter.parsed(text)
    whole = live(lambda: selectors.topology(minutes=minutes, group_by=by))
    graph = None if whole is None else graph_filter.filtered(whole, conditions)
    notes = notes_now(timezone.now())
    return {
        "graph": graph,
        "rows": [] if graph is None else _rows(graph, notes),
        "drawn": json.dumps(
            {"nodes": [], "edges": []} if graph is None else graph_view.drawn(graph, notes)
        ),
        "minutes": minutes,
        "ranges": ranges(minutes),
        "by": by,
        "groupings": [
            {"value": value, "word": word, "is_current": value == by} for value, word in GROUPINGS
        ],
        "q": text,
        "wrong": conditions.wrong,
        "hint": graph_filter.HINT,
    }


def _grouping(request: HttpRequest) -> GroupBy:
    given = request.GET.get("by", "")
    return cast("GroupBy", given if given in dict(GROUPINGS) else "application")


def _rows(graph: Graph, notes: Sequence[Note]) -> list[dict[str, Any]]:
    nodes = {node.id: node for node in graph.nodes}
    busiest = sorted(graph.edges, key=lambda edge: -edge.figures.requests)
    return [
        {
            "edge": edge,
            "source": nodes[edge.source].label,
            "source_href": graph_view.href_of(nodes[edge.source]),
            "target": nodes[edge.target].label,
            "target_href": graph_view.href_of(nodes[edge.target]),
            "trouble": words_of(nodes[edge.target], notes),
        }
        for edge in busiest
    ]


def _traffic(request: HttpRequest, name: str) -> dict[str, Any]:
    minutes = minutes_of(request, default=15)
    shared = {"name": name, "tab": "traffic", "minutes": minutes, "ranges": ranges(minutes)}
    points = live(lambda: selectors.series(minutes=minutes, app=name))
    if points is None:
        return shared | {"degraded": True, "figures": "null"}
    everybody = selectors.applications(minutes=minutes)
    return shared | {
        "points": points,
        "figures": json.dumps(charts.traffic_figures(points)),
        "traffic": next((each for each in everybody if each.app == name), None),
        "interfaces": selectors.interfaces(app=name, minutes=minutes),
        "groups": selectors.groups(app=name, minutes=minutes),
    }
