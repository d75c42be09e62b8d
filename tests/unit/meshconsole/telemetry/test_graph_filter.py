"""The filter box keeps what was asked for, and says what it did not understand."""

from __future__ import annotations

import pytest

from meshconsole.telemetry.figures import Span
from meshconsole.telemetry.graph_filter import filtered, parsed
from meshconsole.telemetry.store import EdgeKey
from meshconsole.telemetry.tally import Tally
from meshconsole.telemetry.topology import Graph, graph_of


def key(source: str, app: str) -> EdgeKey:
    return EdgeKey("out", source, "u1", "g1", app, "u1", "g1", "GET /", False)


def graph() -> Graph:
    """gateway -> order (all encrypted, 2% errors) -> stock (half encrypted, none)."""
    return graph_of(
        calls={
            key("gateway", "order"): Tally(requests=100, encrypted=100, errors=[0, 0, 2, 0]),
            key("order", "stock"): Tally(requests=50, encrypted=25),
        },
        arrived={},
        span=Span(0.0, 10.0),
        group_by="application",
    )


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("", ["gateway>order", "order>stock"]),
        ("app:gateway", ["gateway>order"]),
        ("stock", ["order>stock"]),
        ("err>1%", ["gateway>order"]),
        ("err<1%", ["order>stock"]),
        ("rps>7", ["gateway>order"]),
        ("tls:yes", ["gateway>order"]),
        ("tls:mixed", ["order>stock"]),
        ("tls:no", []),
        ("app:order tls:mixed", ["order>stock"]),
        ("app:nobody", []),
    ],
)
def test_every_condition_must_hold(text: str, edges: list[str]) -> None:
    assert [edge.id for edge in filtered(graph(), parsed(text)).edges] == edges


def test_nodes_without_an_edge_that_is_kept_are_left_out() -> None:
    kept = filtered(graph(), parsed("err>1%"))
    assert [node.label for node in kept.nodes] == ["gateway", "order"]


def test_a_name_keeps_its_node_even_without_an_edge() -> None:
    alone = filtered(graph(), parsed("stock"))
    assert [node.label for node in alone.nodes] == ["order", "stock"]


@pytest.mark.parametrize("word", ["err>x", "tls:maybe", "color:red", "p95>>1", "app:"])
def test_what_means_nothing_is_told_and_does_not_filter(word: str) -> None:
    conditions = parsed(word)
    assert conditions.wrong == [word]
    assert conditions.is_empty


def test_seconds_and_milliseconds_are_the_same_measure() -> None:
    assert parsed("p95>1s").bounds == parsed("p95>1000ms").bounds


def test_a_very_long_text_is_cut() -> None:
    assert len(parsed("word " * 1000).words) == 20
