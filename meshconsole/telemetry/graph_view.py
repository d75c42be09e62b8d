"""A graph as the page draws it: every figure in words already, so page and table say the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from django.urls import reverse

from meshconsole.core.templatetags.mesh import millis, percent, rate
from meshconsole.telemetry.figures import Figures
from meshconsole.telemetry.layout import NODE_HEIGHT, NODE_WIDTH, Drawing, Spot
from meshconsole.telemetry.notes import Note, words_of
from meshconsole.telemetry.topology import Graph, GraphEdge, GraphNode

WARN_RATIO, BAD_RATIO = 0.01, 0.05


class Arrow(msgspec.Struct, frozen=True):
    """An edge of the small drawing: its curve, where its words stand, and how it fares."""

    edge: GraphEdge
    source: str
    target: str
    curve: str
    tip: str
    x: float
    y: float
    look: str
    lock: str
    lock_look: str

    @property
    def is_plain(self) -> bool:
        """Nothing on it was encrypted."""
        return self.lock == "lock-open"

    @property
    def lock_word(self) -> str:
        """The padlock in words."""
        return f"{percent(self.edge.figures.encrypted_ratio)} encrypted"


class Card(msgspec.Struct, frozen=True):
    """A node of the small drawing."""

    node: GraphNode
    x: float
    y: float
    look: str
    href: str
    trouble: str = ""
    """Instances that are left out or being healed, in words."""


def look_of(figures: Figures | None) -> str:
    """ok, warn or bad by the share of errors; idle without requests."""
    if figures is None or not figures.requests:
        return "idle"
    if figures.error_ratio >= BAD_RATIO:
        return "bad"
    return "warn" if figures.error_ratio >= WARN_RATIO else "ok"


def lock_of(figures: Figures) -> tuple[str, str]:
    """Which padlock and in which look."""
    if figures.encrypted_ratio >= 0.9995:
        return "lock-closed", "ok"
    return ("lock-half" if figures.encrypted_ratio > 0.0005 else "lock-open"), "warn"


def href_of(node: GraphNode) -> str:
    """The page of what a node stands for; empty for those that have none."""
    if node.app:
        return reverse("front:application", args=[node.app])
    if node.unit:
        return reverse("front:unit", args=[node.unit])
    return ""


def drawn(graph: Graph, notes: Sequence[Note] = ()) -> dict[str, Any]:
    """What the browser's graph needs, and nothing it would have to work out."""
    return {
        "nodes": [_node(node, words_of(node, notes)) for node in graph.nodes],
        "edges": [_edge(edge) for edge in graph.edges],
    }


def _node(node: GraphNode, trouble: str) -> dict[str, Any]:
    second = "not in the mesh"
    if node.figures is not None:
        errors = percent(node.figures.error_ratio)
        second = f"{rate(node.figures.requests_per_second)}/s · {errors} errors"
    lines = [node.label] if node.kind == "outside" else [node.label, second]
    if trouble:
        lines.append(f"◆ {trouble}")
    return {
        "id": node.id,
        "text": "\n".join(lines),
        "trouble": trouble,
        "look": look_of(node.figures),
        "kind": node.kind,
        "href": href_of(node),
    }


def _edge(edge: GraphEdge) -> dict[str, Any]:
    figures = edge.figures
    lock, lock_look = lock_of(figures)
    words = [f"{rate(figures.requests_per_second)}/s"]
    if figures.error_count:
        words.append(f"{percent(figures.error_ratio)} errors")
    words.append(f"p95 {millis(figures.p95_seconds)}")
    if lock == "lock-half":
        words.append(f"{percent(figures.encrypted_ratio)} mTLS")
    return {
        "id": edge.id,
        "source": edge.source,
        "target": edge.target,
        "text": " · ".join(words),
        "look": look_of(figures),
        "lock": lock,
        "lockLook": lock_look,
        "width": round(1.4 + min(4.0, math.log10(1 + figures.requests_per_second) * 1.3), 2),
    }


def cards(graph: Graph, drawing: Drawing, notes: Sequence[Note] = ()) -> list[Card]:
    """The nodes of the small drawing."""
    return [
        Card(
            node, drawing.spots[node.id].x, drawing.spots[node.id].y,
            look_of(node.figures), href_of(node), words_of(node, notes),
        )
        for node in graph.nodes
    ]  # fmt: skip


def arrows(graph: Graph, drawing: Drawing) -> list[Arrow]:
    """The edges of the small drawing, from a node's right side to the next one's left."""
    labels = {node.id: node.label for node in graph.nodes}
    return [
        _arrow(edge, drawing.spots[edge.source], drawing.spots[edge.target], labels)
        for edge in graph.edges
        if edge.source != edge.target
    ]


def _arrow(edge: GraphEdge, begin: Spot, end: Spot, labels: dict[str, str]) -> Arrow:
    back = end.x <= begin.x
    x1, y1 = begin.x + (0 if back else NODE_WIDTH), begin.y + NODE_HEIGHT / 2
    x2, y2 = end.x + (NODE_WIDTH if back else 0), end.y + NODE_HEIGHT / 2
    sign = -1 if back else 1
    bend = max(40.0, abs(x2 - x1) / 2)
    lock, lock_look = lock_of(edge.figures)
    tip = f"M{x2:.0f} {y2:.0f}l{-8 * sign} -4.5v9z"
    curve = (
        f"M{x1:.0f} {y1:.0f}C{x1 + sign * bend:.0f} {y1:.0f} "
        f"{x2 - sign * bend:.0f} {y2:.0f} {x2 - 6 * sign:.0f} {y2:.0f}"
    )
    return Arrow(
        edge=edge,
        source=labels[edge.source],
        target=labels[edge.target],
        curve=curve,
        tip=tip,
        x=round((x1 + x2) / 2, 1),
        y=round((y1 + y2) / 2, 1),
        look=look_of(edge.figures),
        lock=lock,
        lock_look=lock_look,
    )
