"""A graph of any size becomes one that a person can look at."""

from __future__ import annotations

from meshconsole.telemetry.figures import Span
from meshconsole.telemetry.store import EdgeKey
from meshconsole.telemetry.tally import Tally
from meshconsole.telemetry.topology import Graph, GroupBy, graph_of

SPAN = Span(0.0, 10.0)


def call(source: str, app: str, *, unit: str = "u1", group: str = "g1") -> EdgeKey:
    return EdgeKey("out", source, unit, "g1", app, unit, group, "GET /", False)


def draw(calls: dict[EdgeKey, Tally], group_by: GroupBy = "application", **limits: int) -> Graph:
    return graph_of(calls=calls, arrived={}, span=SPAN, group_by=group_by, **limits)


def test_interfaces_and_groups_of_one_application_are_one_arrow() -> None:
    graph = draw(
        {call("a", "b"): Tally(requests=10), call("a", "b", group="g2"): Tally(requests=5)}
    )
    (edge,) = graph.edges
    assert (edge.id, edge.figures.requests, edge.figures.requests_per_second) == ("a>b", 15, 1.5)
    assert not graph.is_reduced


def test_it_is_drawn_by_group_or_unit_on_demand() -> None:
    calls = {
        call("a", "b"): Tally(requests=1),
        call("a", "b", group="g2"): Tally(requests=1),
        call("a", "b", unit="u2"): Tally(requests=1),
    }
    by_group = draw(calls, "group")
    assert [node.label for node in by_group.nodes] == ["a g1", "b g1", "b g2"]
    by_unit = draw(calls, "unit")
    assert [node.label for node in by_unit.nodes] == ["a u1", "a u2", "b u1", "b u2"]


def test_too_many_groups_are_told_by_application() -> None:
    calls = {call("a", "b", group=f"g{n}"): Tally(requests=1) for n in range(30)}
    graph = draw(calls, "group", nodes_limit=10)
    assert (graph.grouped_by, graph.is_reduced, len(graph.nodes)) == ("application", True, 2)
    assert "application" in graph.note


def test_too_many_applications_are_told_by_unit() -> None:
    calls = {call("a", f"b{n}", unit=f"u{n % 3}"): Tally(requests=1) for n in range(50)}
    graph = draw(calls, nodes_limit=10)
    assert (graph.grouped_by, len(graph.nodes)) == ("units_only", 3)
    assert sum(edge.figures.requests for edge in graph.edges) == 50


def test_what_is_still_too_much_keeps_the_busiest_and_one_other() -> None:
    calls = {call("a", f"b{n}", unit=f"u{n}"): Tally(requests=n + 1) for n in range(50)}
    graph = draw(calls, nodes_limit=10, edges_limit=5)
    assert len(graph.nodes) <= 10
    assert len(graph.edges) <= 5
    assert any(node.kind == "other" for node in graph.nodes)
    ends = {node.id for node in graph.nodes}
    assert all({edge.source, edge.target} <= ends for edge in graph.edges)


def test_the_outside_has_no_figures_of_its_own() -> None:
    key = EdgeKey("in", "", "", "", "gateway", "u1", "g1", "GET /", True)
    graph = graph_of(
        calls={key: Tally(requests=3)},
        arrived={key: Tally(requests=3)},
        span=SPAN,
        group_by="application",
    )
    assert {node.kind: node.figures is None for node in graph.nodes} == {
        "application": False,
        "outside": True,
    }
