"""The ledger of links, added up by peer: what became of everything that was begun.

Endpoints and generations are too many for labels; row by row they are on the page /config.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from proxy.contract.reports import LinkCounts
from proxy.links.ledger import imbalance_of
from proxy.metrics.text import Family, Labels, Sample, one, security

OUTCOMES = ("completed", "failed", "cancelled", "cut")
CLOSINGS = {"clean": "closed_clean", "peer": "closed_by_peer", "hard": "closed_hard"}
Rows = list[tuple[dict[str, str], LinkCounts]]


def links_of(counts: Iterable[LinkCounts]) -> Iterator[Family]:
    """The families of the ledger."""
    rows = [(_labels_of(row), row) for row in counts]
    yield _family(
        "connections_opened_total", "Connections that were made.", rows, lambda row: row.opened
    )
    yield _family(
        "handshakes_failed_total",
        "Connections that TLS did not let be.",
        rows,
        lambda row: row.handshakes_failed,
    )
    yield _family("started_total", "Requests and sessions begun.", rows, lambda row: row.started)
    yield Family(
        "meshproxy_link_ended_total",
        "counter",
        "Requests and sessions that are over, by how they ended; cut is by this proxy.",
        _by(rows, "outcome", {outcome: outcome for outcome in OUTCOMES}),
    )
    yield _family(
        "in_flight",
        "Requests and sessions under way.",
        rows,
        lambda row: row.in_flight,
        is_gauge=True,
    )
    yield Family(
        "meshproxy_link_connections_closed_total",
        "counter",
        "Connections that are no more, by who ended them.",
        _by(rows, "by", CLOSINGS),
    )
    yield Family(
        "meshproxy_inflight_dropped_total",
        "counter",
        "Requests and sessions that this proxy cut while they were under way.",
        one(sum(row.cut for _, row in rows)),
    )
    yield Family(
        "meshproxy_link_imbalance",
        "gauge",
        "What was begun less all that became of it; 0 unless the ledger is wrong.",
        one(sum(imbalance_of(row) for _, row in rows)),
    )


def _family(
    name: str,
    text: str,
    rows: Rows,
    read: Callable[[LinkCounts], int],
    *,
    is_gauge: bool = False,
) -> Family:
    samples = _summed((labels, read(row)) for labels, row in rows)
    return Family(f"meshproxy_link_{name}", "gauge" if is_gauge else "counter", text, samples)


def _by(rows: Rows, label: str, fields: dict[str, str]) -> list[Sample]:
    return _summed(
        ({**labels, label: value}, getattr(row, field))
        for labels, row in rows
        for value, field in fields.items()
    )


def _summed(readings: Iterator[tuple[Labels, int]]) -> list[Sample]:
    sums: dict[tuple[tuple[str, str], ...], int] = {}
    for labels, value in readings:
        key = tuple(labels.items())
        sums[key] = sums.get(key, 0) + value
    return [("", dict(key), value) for key, value in sums.items()]


def _labels_of(row: LinkCounts) -> dict[str, str]:
    if not row.protocol:
        return {
            "direction": "both",
            "peer_app": "other",
            "peer_unit": "other",
            "protocol": "other",
            "connection_security": "unknown",
        }
    return {
        "direction": "upstream" if row.side == "out" else "downstream",
        "peer_app": row.app or "unknown",
        "peer_unit": row.unit or "unknown",
        "protocol": row.protocol,
        "connection_security": security(row.encrypted),
    }
