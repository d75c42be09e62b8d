"""Ejections of a process, and its own absences, as families."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from proxy.healing.warden import Warden
from proxy.metrics.text import Family, one
from proxy.stall import Stall


def healing_of(warden: Warden, stall: Stall) -> Iterator[Family]:
    """Who is left out now, how often somebody was, and when that was ignored."""
    now = Counter((said.service, said.unit, said.state, said.mode) for said in warden.told())
    yield Family(
        "meshproxy_upstream_ejected",
        "gauge",
        "Endpoints that are ejected, probed, or return.",
        [
            (
                "",
                {
                    "destination_app": app,
                    "destination_unit": unit,
                    "state": state,
                    "mode": mode,
                },
                n,
            )
            for (app, unit, state, mode), n in sorted(now.items())
        ],
    )
    yield Family(
        "meshproxy_upstream_ejections_total",
        "counter",
        "Ejections, first and repeated, by what was noticed.",
        [("", {"rule": rule}, n) for rule, n in sorted(warden.counted.items())],
    )
    yield Family(
        "meshproxy_upstream_panics_total",
        "counter",
        "Times that everybody was ejected, so that nobody was.",
        one(warden.panics),
    )
    yield Family(
        "meshproxy_loop_stalls_total",
        "counter",
        "Times that this process was away; what came too late meanwhile counts against nobody.",
        one(stall.seen),
    )
    yield Family(
        "meshproxy_loop_stalled_seconds_total", "counter", "How long it was.", one(stall.seconds)
    )
