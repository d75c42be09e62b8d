"""The last quarter of an hour of traffic, minute by minute, judged as if one caller had seen it.

Reports are kept only of what somebody found failing. Traffic is kept whole, if not for long: what a
laxer candidate would have found besides shows here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from healer.replay.detecting import Minute, minutes_judged
from meshconsole.core.errors import Degraded
from meshconsole.healing.replays.shapes import Judged
from meshconsole.telemetry import selectors
from proxy.contract.snapshot import HealingTerms

MINUTES = 15
"""Telemetry keeps instances for so long."""


def traffic_judged(
    current: Mapping[str, HealingTerms], candidate: Mapping[str, HealingTerms], now: datetime
) -> tuple[Judged, ...]:
    """By application: minutes of instances that are sick by both terms; nothing while traffic
    cannot be read."""
    try:
        minutes = _minutes(now.timestamp())
    except Degraded:
        return ()
    known = [minute for minute in minutes if minute.app in candidate]
    return minutes_judged(known, current, candidate)


def _minutes(at: float) -> list[Minute]:
    """Each minute of each application: the difference of two spans that end now."""
    before: dict[tuple[str, str], tuple[int, int]] = {}
    found = []
    for minutes in range(1, MINUTES + 1):
        totals = {
            (one.app, one.instance): (one.figures.requests, one.figures.error_count)
            for one in selectors.instances(minutes=minutes, now=at)
        }
        by_app: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for key, (requests, errors) in totals.items():
            past_requests, past_errors = before.get(key, (0, 0))
            app, instance = key
            by_app[app][instance] = (
                max(0, requests - past_requests),
                max(0, errors - past_errors),
            )
        found += [Minute(app=app, counts=counts) for app, counts in by_app.items()]
        before = totals
    return found
