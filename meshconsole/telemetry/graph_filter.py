"""The topology's filter box: `app:order err>1% tls:no`, and plain words that match a name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import msgspec

from meshconsole.telemetry.figures import Figures
from meshconsole.telemetry.topology import Graph, GraphEdge, GraphNode

_TERM = re.compile(r"^(err|rps|p95)([<>])(\d{1,9}(?:\.\d{1,6})?)(%|ms|s)?$")
_NAMED = ("app", "unit", "group", "tls")
HINT = "Use app:NAME unit:NAME group:NAME err>1% rps>5 p95>200ms tls:yes|no|mixed, or a name."

Measure = Literal["err", "rps", "p95"]


class Filter(msgspec.Struct, frozen=True):
    """Conditions that all must hold for an edge; `wrong` are the words that mean nothing."""

    names: dict[str, str]
    bounds: list[tuple[Measure, str, float]]
    words: list[str]
    wrong: list[str]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return not (self.names or self.bounds or self.words)


def parsed(text: str) -> Filter:
    """Read the box; never raises."""
    names: dict[str, str] = {}
    bounds: list[tuple[Measure, str, float]] = []
    words: list[str] = []
    wrong: list[str] = []
    for term in text.lower().split()[:20]:
        match = _TERM.match(term)
        key, colon, value = term.partition(":")
        if match:
            measure: Measure = match[1]  # type: ignore[assignment]
            bounds.append((measure, match[2], _scaled(float(match[3]), match[4])))
        elif colon and key in _NAMED and value and (key != "tls" or value in _TLS):
            names[key] = value
        elif colon or "<" in term or ">" in term:
            wrong.append(term)
        else:
            words.append(term)
    return Filter(names, bounds, words, wrong)


def filtered(graph: Graph, conditions: Filter) -> Graph:
    """The edges that fulfil every condition, with their ends."""
    if conditions.is_empty:
        return graph
    nodes = {node.id: node for node in graph.nodes}
    kept = [edge for edge in graph.edges if _edge_holds(edge, nodes, conditions)]
    ends = {end for edge in kept for end in (edge.source, edge.target)}
    by_name = not conditions.bounds and "tls" not in conditions.names
    alone = {node.id for node in graph.nodes if by_name and _node_holds(node, conditions)}
    return msgspec.structs.replace(
        graph, edges=kept, nodes=[node for node in graph.nodes if node.id in ends | alone]
    )


def _edge_holds(edge: GraphEdge, nodes: dict[str, GraphNode], conditions: Filter) -> bool:
    ends = [nodes[edge.source], nodes[edge.target]]
    if not any(_node_holds(node, conditions) for node in ends):
        return False
    tls = conditions.names.get("tls")
    if tls and not _TLS[tls](edge.figures.encrypted_ratio):
        return False
    return all(_bound_holds(edge.figures, *bound) for bound in conditions.bounds)


def _node_holds(node: GraphNode, conditions: Filter) -> bool:
    places = {"app": node.app, "unit": node.unit, "group": node.group}
    named = all(
        wanted in places[key].lower() for key, wanted in conditions.names.items() if key != "tls"
    )
    return named and all(word in node.label.lower() for word in conditions.words)


def _bound_holds(figures: Figures, measure: Measure, sign: str, bound: float) -> bool:
    value = {
        "err": figures.error_ratio * 100,
        "rps": figures.requests_per_second,
        "p95": (figures.p95_seconds or 0.0) * 1000,
    }[measure]
    return value > bound if sign == ">" else value < bound


def _scaled(value: float, unit: str | None) -> float:
    return value * 1000 if unit == "s" else value


_TLS: dict[str, Callable[[float], bool]] = {
    "yes": lambda ratio: ratio >= 0.9995,
    "no": lambda ratio: ratio <= 0.0005,
    "mixed": lambda ratio: 0.0005 < ratio < 0.9995,
}
