"""Who answers much more slowly than its peers: told, and never ejected for it."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from proxy.healing.ejector import Ejector
from proxy.healing.judgement import Reading
from proxy.healing.records import Record

EVERY_SECONDS = 5
WINDOWS = 2
"""In a row in which it has to be slow."""


def slow_ones(ejector: Ejector, second: int) -> Iterator[tuple[Record, Reading, bool]]:
    """Those whose median latency was several times their peers' for two windows, or no longer is.
    Only who was asked enough is looked at."""
    terms = ejector.terms
    asked = [
        (record, record.reading(second, terms.min_requests))
        for record in ejector.records.values()
        if record.state == "active" and record.stats.median_seconds
    ]
    known = [(one, reading) for one, reading in asked if reading.n >= terms.min_requests]
    for record, reading in known:
        others = [one.stats.median_seconds for one, _ in known if one is not record]
        mine = record.stats.median_seconds
        is_slow = bool(others) and (
            mine >= terms.latency_floor_seconds and mine >= terms.latency_ratio * median(others)
        )
        record.slow = record.slow + 1 if is_slow else 0
        if record.slow >= WINDOWS or not is_slow:
            yield record, reading, is_slow
