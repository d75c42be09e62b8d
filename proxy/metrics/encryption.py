"""Who was let in at the inbound side, and who was not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxy.contract.snapshot import TLS_MODES
from proxy.metrics.text import Family, one

if TYPE_CHECKING:
    from proxy.contract.reports import LinkState
    from proxy.inbound.gate import Gate


def gate_of(gate: Gate, state: LinkState) -> Iterator[Family]:
    """The families of a sidecar's gate."""
    yield Family(
        "meshproxy_callers_refused_total",
        "counter",
        "Connections that were not let in, by reason.",
        [("", {"reason": reason}, n) for reason, n in gate.refusals.counts.items()],
    )
    yield Family(
        "meshproxy_callers_denied_total",
        "counter",
        "Requests and sessions of callers who are not on the list.",
        [("", {"mode": mode}, n) for mode, n in gate.callers.denied.items()],
    )
    yield Family(
        "meshproxy_tls_mode",
        "gauge",
        "1 for the mode in force.",
        [("", {"mode": mode}, mode == state.mode) for mode in TLS_MODES],
    )
    yield Family(
        "meshproxy_tls_ready",
        "gauge",
        "1 while a handshake of this sidecar with itself succeeds.",
        one(state.ready),
    )
