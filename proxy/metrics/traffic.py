"""Requests by edge: how many, how they ended, how long they took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from proxy.contract.reports import LATENCY_BOUNDS_SECONDS, EdgeWindow
from proxy.metrics.text import Family, Sample, security

UNKNOWN = "unknown"
"""A caller is known by its connection, not by each request."""


def traffic(totals: Sequence[EdgeWindow], app: str, unit: str) -> Iterator[Family]:
    """The families of what was counted; `app` and `unit` are those of this sidecar."""
    edges = [(_labels_of(edge, app, unit), edge) for edge in totals]
    yield Family("meshproxy_requests_total", "counter", "Requests that are over.", _requests(edges))
    yield Family(
        "meshproxy_request_errors_total",
        "counter",
        "Requests that failed, by class.",
        (("", {**of, "class": kind}, n) for of, edge in edges for kind, n in edge.errors.items()),
    )
    yield Family("meshproxy_request_body_bytes_total", "counter", "Body bytes.", _bytes(edges))
    yield Family(
        "meshproxy_request_duration_seconds",
        "histogram",
        "From the head to the last byte.",
        _latency(edges),
    )


Edges = list[tuple[dict[str, str], EdgeWindow]]


def _requests(edges: Edges) -> Iterator[Sample]:
    for labels, edge in edges:
        answered = 0
        for status, n in edge.status.items():
            answered += n
            yield "", {**labels, "response_code": status}, n
        if edge.requests > answered:
            yield "", {**labels, "response_code": "0"}, edge.requests - answered


def _bytes(edges: Edges) -> Iterator[Sample]:
    for labels, edge in edges:
        yield "", {**labels, "direction": "received"}, edge.bytes_in
        yield "", {**labels, "direction": "sent"}, edge.bytes_out


def _latency(edges: Edges) -> Iterator[Sample]:
    for labels, edge in edges:
        below = 0
        counts = edge.latency or [0] * (len(LATENCY_BOUNDS_SECONDS) + 1)
        for bound, n in zip(LATENCY_BOUNDS_SECONDS, counts, strict=False):
            below += n
            yield "_bucket", {**labels, "le": f"{bound:g}"}, below
        yield "_bucket", {**labels, "le": "+Inf"}, below + counts[-1]
        yield "_sum", labels, edge.latency_sum_seconds
        yield "_count", labels, below + counts[-1]


def _labels_of(edge: EdgeWindow, app: str, unit: str) -> dict[str, str]:
    is_caller = edge.side == "out"
    return {
        "reporter": "source" if is_caller else "destination",
        "source_app": app if is_caller else UNKNOWN,
        "source_unit": unit if is_caller else UNKNOWN,
        "destination_app": edge.app,
        "destination_unit": edge.unit,
        "destination_group": edge.group,
        "interface": edge.interface,
        "connection_security": security(edge.encrypted),
    }
