"""A small graph stands from callers to callees, without two nodes in one place."""

from __future__ import annotations

from itertools import pairwise

from meshconsole.telemetry.figures import Span
from meshconsole.telemetry.layout import NODE_HEIGHT, NODES_LIMIT, drawing_of
from meshconsole.telemetry.store import EdgeKey
from meshconsole.telemetry.tally import Tally
from meshconsole.telemetry.topology import Graph, graph_of


def graph(*calls: tuple[str, str]) -> Graph:
    keys = [
        EdgeKey("out", source, "u", "g", app, "u", "g", "GET /", False) for source, app in calls
    ]
    return graph_of(
        calls=dict.fromkeys(keys, Tally(requests=1)),
        arrived={},
        span=Span(0.0, 10.0),
        group_by="application",
    )


def places(given: Graph) -> dict[str, tuple[float, float]]:
    drawing = drawing_of(given)
    assert drawing is not None
    labels = {node.id: node.label for node in given.nodes}
    return {labels[node]: (spot.x, spot.y) for node, spot in drawing.spots.items()}


def test_what_is_called_stands_right_of_every_caller() -> None:
    spots = places(graph(("a", "b"), ("b", "c"), ("a", "c")))
    assert spots["a"][0] < spots["b"][0] < spots["c"][0]


def test_neighbours_of_a_layer_do_not_touch() -> None:
    spots = places(graph(("a", "b"), ("a", "c"), ("a", "d")))
    rows = sorted(spots[name][1] for name in "bcd")
    assert all(below - above > NODE_HEIGHT for above, below in pairwise(rows))


def test_a_circle_ends() -> None:
    spots = places(graph(("a", "b"), ("b", "c"), ("c", "a")))
    assert len(set(spots.values())) == 3


def test_one_that_calls_itself_is_one_node() -> None:
    assert len(places(graph(("a", "a")))) == 1


def test_nothing_and_too_much_are_not_drawn() -> None:
    assert drawing_of(graph()) is None
    assert drawing_of(graph(*(("a", f"b{n}") for n in range(NODES_LIMIT)))) is None


def test_a_dense_graph_is_laid_out_at_once() -> None:
    names = [f"n{n:02}" for n in range(NODES_LIMIT)]
    calls = [(a, b) for a in names for b in names if a != b]
    assert len(places(graph(*calls))) == NODES_LIMIT
