"""Where the nodes of a small graph stand: callers on the left, what they call on the right."""

from __future__ import annotations

import msgspec

from meshconsole.telemetry.topology import Graph

COLUMN, ROW = 230.0, 82.0
NODE_WIDTH, NODE_HEIGHT = 150.0, 50.0
MARGIN = 16.0
NODES_LIMIT = 24
_SWEEPS = 4


class Spot(msgspec.Struct, frozen=True):
    """A node's corner in drawing units."""

    x: float
    y: float


class Drawing(msgspec.Struct, frozen=True):
    """The size of the drawing and where each node stands."""

    width: float
    height: float
    spots: dict[str, Spot]


def drawing_of(graph: Graph) -> Drawing | None:
    """Layers by the longest way from a caller; None when there is too much for a small drawing."""
    if not graph.nodes or len(graph.nodes) > NODES_LIMIT:
        return None
    callees: dict[str, list[str]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        if edge.source != edge.target:
            callees[edge.source].append(edge.target)
    layers = _ordered(_layers(_depths(callees)), callees)
    tallest = max(len(layer) for layer in layers)
    height = MARGIN * 2 + (tallest - 1) * ROW + NODE_HEIGHT
    spots: dict[str, Spot] = {}
    for column, layer in enumerate(layers):
        top = (height - ((len(layer) - 1) * ROW + NODE_HEIGHT)) / 2
        for row, node in enumerate(layer):
            spots[node] = Spot(MARGIN + column * COLUMN, top + row * ROW)
    width = MARGIN * 2 + (len(layers) - 1) * COLUMN + NODE_WIDTH
    return Drawing(width, height, spots)


def _depths(callees: dict[str, list[str]]) -> dict[str, int]:
    """Longest way to each node; an edge that closes a circle is not followed."""
    depths: dict[str, int] = {}

    def visit(node: str, depth: int, way: frozenset[str]) -> None:
        if depths.get(node, -1) >= depth:
            return
        depths[node] = depth
        for callee in callees[node]:
            if callee not in way:
                visit(callee, depth + 1, way | {callee})

    called = {callee for found in callees.values() for callee in found}
    for root in [node for node in callees if node not in called]:
        visit(root, 0, frozenset({root}))
    for node in callees:
        if node not in depths:
            visit(node, 0, frozenset({node}))
    return depths


def _layers(depths: dict[str, int]) -> list[list[str]]:
    layers: list[list[str]] = [[] for _ in range(max(depths.values()) + 1)]
    for node in sorted(depths):
        layers[depths[node]].append(node)
    return [layer for layer in layers if layer]


def _ordered(layers: list[list[str]], callees: dict[str, list[str]]) -> list[list[str]]:
    """Fewer crossings: each node goes near the middle of its neighbours, a few times over."""
    neighbours: dict[str, list[str]] = {node: list(found) for node, found in callees.items()}
    for node, found in callees.items():
        for callee in found:
            neighbours[callee].append(node)
    for _ in range(_SWEEPS):
        place = {
            node: index - (len(layer) - 1) / 2
            for layer in layers
            for index, node in enumerate(layer)
        }
        layers = [
            sorted(layer, key=lambda node: (_middle(node, neighbours, place), node))
            for layer in layers
        ]
    return layers


def _middle(node: str, neighbours: dict[str, list[str]], place: dict[str, float]) -> float:
    near = [place[each] for each in neighbours[node]]
    return sum(near) / len(near) if near else place[node]
