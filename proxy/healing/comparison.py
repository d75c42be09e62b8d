"""What can be compared: endpoints of a service over the same time, and services with each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from proxy.healing.ejector import Ejector
from proxy.healing.judgement import Reading, scope_of
from proxy.healing.records import Record

View = dict[Record, Reading]
SHORT_SECONDS = (1, 2)
"""Windows in which a busy endpoint's fault is seen before the shortest of the usual ones, which is
full of the health before it, shows anything."""
BLAMED_LEAST, BLAMED_SERVICES = 3, 2
"""So many endpoints of so many services, and most of all that can be judged, fail: it is us. A
caller of a hundred endpoints that sees three sick has seen three sick endpoints."""
BLAMED_SECONDS = 60.0
"""Endpoints that were ejected no longer ago count as failing."""
_MINUTE = 60


def readings_of(ejector: Ejector, second: int) -> View:
    """Those that can be compared; nobody while there is nothing to find."""
    if second - ejector.last_failure > _MINUTE:
        return {}
    enough = ejector.terms.min_requests
    return {record: record.reading(second, enough) for record in ejector.comparable()}


def lately(ejector: Ejector, second: int) -> list[View]:
    """The same over a second or two, all of them over the same."""
    if second - ejector.last_failure > max(SHORT_SECONDS):
        return []
    return [
        {record: record.lately(second, seconds) for record in ejector.comparable()}
        for seconds in SHORT_SECONDS
    ]


def is_shared(ejector: Ejector, view: View) -> bool:
    """Is it the service's fault, and not that of one endpoint?"""
    return scope_of(list(view.values()), len(ejector.out), ejector.terms) == "service"


def is_blamed(judged: Iterable[tuple[Ejector, View]], since: float) -> bool:
    """Does most of what is called fail, so that it must be this caller?"""
    bad = known = services = 0
    for ejector, readings in judged:
        floor = ejector.terms.error_floor
        out = sum(one.ejected is not None and one.ejected.since > since for one in ejector.out)
        here = out + sum(one.is_judged and one.lcb >= floor for one in readings.values())
        known += out + sum(one.is_judged for one in readings.values())
        bad += here
        services += here > 0
    return services >= BLAMED_SERVICES and bad >= BLAMED_LEAST and 2 * bad > known


def forget_some(ejectors: Mapping[str, Ejector], limit: int) -> bool:
    """Keep no more records than `limit`, and those that were used last; were there more?"""
    excess = sum(len(one.records) for one in ejectors.values()) - limit
    if excess <= 0:
        return False
    quiet = sorted(
        (
            (record.used, ejector, key)
            for ejector in ejectors.values()
            for key, record in ejector.records.items()
            if record.ejected is None and not record.told_rule
        ),
        key=lambda one: one[0],
    )
    for _, ejector, key in quiet[:excess]:
        del ejector.records[key]
    return True
