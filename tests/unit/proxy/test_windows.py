"""Windows count every finished request once, per edge and interface."""

from __future__ import annotations

import msgspec

from proxy.windows import EDGES_LIMIT, Windows


def test_what_was_drained_is_not_counted_again_but_stays_in_the_totals() -> None:
    windows = Windows()
    counts = windows.counts("out", "stock", "u", "g", "GET /", False)
    counts.observe(200, None, 0.004, 10, 20)
    counts.observe(503, "connect", 20.0, 0, 5)
    counts.observe(0, None, 1.0, 0, 0)
    (window,) = windows.drain()
    assert (window.requests, window.bytes_in, window.bytes_out) == (3, 10, 25)
    assert window.status == {"2xx": 1, "5xx": 1}
    assert window.errors == {"connect": 1}
    assert sum(window.latency) == 2
    assert window.latency[2] == 1
    assert window.latency[-1] == 1
    assert windows.drain() == []
    counts.observe(404, None, 0.1, 0, 0)
    (total,) = windows.totals()
    assert total.requests == 4
    assert total.status == {"2xx": 1, "4xx": 1, "5xx": 1}
    assert sum(total.latency) == 3


def test_counts_of_an_edge_are_one_object_over_drains() -> None:
    windows = Windows()
    counts = windows.counts("in", "a", "u", "g", "other", True)
    windows.drain()
    assert windows.counts("in", "a", "u", "g", "other", True) is counts


def test_a_window_survives_the_wire() -> None:
    windows = Windows()
    windows.counts("in", "a", "u", "g", "other", True).observe(301, None, 0.0, 1, 1)
    (window,) = windows.drain()
    assert msgspec.json.decode(msgspec.json.encode(window), type=type(window)) == window


def test_edges_are_bounded() -> None:
    windows = Windows()
    for n in range(EDGES_LIMIT + 50):
        windows.counts("out", f"app-{n}", "u", "g", "other", False).observe(200, None, 0.0, 0, 0)
    edges = windows.drain()
    assert len(edges) <= EDGES_LIMIT + 1
    assert sum(edge.requests for edge in edges) == EDGES_LIMIT + 50
