"""Failures that come thick: judged from the first of them on, and not by the clock.

A window of whole seconds is full of the health before a fault, so that even a busy endpoint is seen
late. A burst begins with a failure that follows many answers, and looks only at what came after, of
the endpoint and of its peers. As it begins where something went wrong, it is judged most strictly.
"""

from __future__ import annotations

from math import ceil
from statistics import median

from proxy.healing.ejector import Ejector
from proxy.healing.judgement import Z_SHORT, Reading, reading_of, stands_out
from proxy.healing.peers import bad_of, rates_since, remembered
from proxy.healing.records import Record, Remembered

GAP = 32
"""After so many answers in a row another burst begins."""
LONGEST = 200
"""Requests; whatever fails as seldom as that is found by the windows."""


class Burst:
    """What was counted when it began."""

    __slots__ = ("bad", "began", "classes", "done", "last", "peers")

    def __init__(self, ejector: Ejector, record: Record, now: float) -> None:
        stats = record.stats
        self.began = now
        self.last = _done(record)
        self.done = self.last - 1
        self.bad = bad_of(stats) - 1
        self.classes = (stats.connect, stats.timeout, stats.server_error, stats.protocol)
        self.peers: list[Remembered] = remembered(ejector, record)

    def is_over(self, done: int) -> bool:
        """Does another begin with the failure that is number `done` of what was asked? One that
        began before anybody else was asked can be compared with nobody."""
        return not self.peers or done - self.last > GAP or done - self.done > LONGEST

    def reading(self, record: Record, now: float) -> Reading:
        """What came since, with the failure that it began with."""
        stats = record.stats
        n, bad = _done(record) - self.done, bad_of(stats) - self.bad
        fresh = (stats.connect, stats.timeout, stats.server_error, stats.protocol)
        by_class = [now - then for now, then in zip(fresh, self.classes, strict=True)]
        by_class[by_class.index(max(by_class))] += bad - sum(by_class)
        return reading_of(max(1, ceil(now - self.began)), (n, *by_class), Z_SHORT)


def found(ejector: Ejector, record: Record, now: float) -> Reading | None:
    """What a failure just now makes of the burst that it belongs to: None, or that the endpoint is
    sick beside what its peers did meanwhile. As many requests are needed as ever, or half as many
    when all of them failed."""
    burst, done = record.burst, _done(record)
    if burst is None or burst.is_over(done):
        record.burst = Burst(ejector, record, now)
        return None
    burst.last = done
    reading, least = burst.reading(record, now), ejector.terms.min_requests
    is_pure = reading.errors == reading.n and 2 * reading.n >= least
    if reading.n < least and not is_pure:
        return None
    rates = rates_since(ejector, burst.peers)
    if not rates or 2 * len(rates) < len(burst.peers):  # a window will know them
        return None
    return reading if stands_out(reading.lcb, median(rates), ejector.terms) else None


def _done(record: Record) -> int:
    return record.stats.answered + bad_of(record.stats)
