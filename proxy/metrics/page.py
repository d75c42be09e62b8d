"""One reading of a process, as a page for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from proxy import __version__
from proxy.compiled import engine
from proxy.contract.reports import EdgeWindow, LinkCounts
from proxy.listener import Listener
from proxy.metrics.doors import doors_of, limits_of
from proxy.metrics.links import links_of
from proxy.metrics.text import Family, one, text_of
from proxy.metrics.traffic import traffic
from proxy.metrics.upstreams import Upstreams


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What one reading of a process finds."""

    totals: Sequence[EdgeWindow] = ()
    listeners: Sequence[Listener] = ()
    app: str = ""
    unit: str = ""
    """Whose sidecar this is; empty without a mesh."""
    revision: int = 0
    applied_at: float = 0.0
    """Unix time of the last swap; 0 before the first."""
    certificate_not_after: float | None = None
    """Unix time."""
    loop_late_seconds: float = 0.0
    draining: bool = False
    links: Sequence[LinkCounts] = ()
    """The whole ledger."""
    more: Sequence[Family] = ()


def exposition(seen: Seen, upstreams: Upstreams) -> str:
    """The page; `upstreams` is kept from one to the next."""
    return text_of(
        [
            *traffic(seen.totals, seen.app, seen.unit),
            *doors_of(seen.listeners),
            *upstreams.families(seen.listeners),
            *limits_of(seen.listeners),
            *links_of(seen.links),
            *_own(seen),
            *seen.more,
        ]
    )


def _own(seen: Seen) -> Iterator[Family]:
    built = {"version": __version__, "engine": engine()}
    yield Family("meshproxy_build_info", "gauge", "Always 1.", [("", built, 1)])
    yield Family(
        "meshproxy_config_revision",
        "gauge",
        "Revision in force; 0 before the first.",
        [("", {"kind": "snapshot"}, seen.revision)],
    )
    yield Family(
        "meshproxy_config_applied_timestamp_seconds",
        "gauge",
        "Since when it is in force; Unix time.",
        one(seen.applied_at) if seen.applied_at else (),
    )
    yield Family(
        "meshproxy_cert_expiry_timestamp_seconds",
        "gauge",
        "When this sidecar's certificate ends; Unix time.",
        one(seen.certificate_not_after) if seen.certificate_not_after else (),
    )
    yield Family(
        "meshproxy_loop_late_seconds",
        "gauge",
        "How late the last tick came: what the event loop makes everyone wait.",
        one(seen.loop_late_seconds),
    )
    yield Family("meshproxy_draining", "gauge", "1 while it leaves.", one(seen.draining))
