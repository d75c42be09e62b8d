"""Events that wait because nobody listens: those of one kind become fewer, and nothing is forgotten
that counts.

A fault that goes on for hours is reported four times a minute. While the console is away, what is
said again of the same fault is added to what waits; of a fault that comes and goes, the oldest
turns become one that lasted from the first to the last of them. Only events that were never sent
are touched: one that was sent may be stored already, under its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from proxy.contract.reports import AnomalyReport
from proxy.contract.session import Report

EACH_KIND_LIMIT = 4
"""Events of one kind that wait beside each other: two turns of failing and recovering."""
_SAMPLES, _INTERFACES = 3, 3
Kind = tuple[str, str, str, str]


def kind_of(event: AnomalyReport) -> Kind:
    """What it is about: events of the same kind tell of the same fault."""
    return (event.scope, event.subject.app, event.subject.instance, event.rule)


def joined(older: AnomalyReport, newer: AnomalyReport) -> AnomalyReport:
    """Two events of one kind and phase as one, under the older one's id."""
    n = older.n + newer.n
    errors = {
        name: older.errors.get(name, 0) + newer.errors.get(name, 0)
        for name in older.errors | newer.errors
    }
    return msgspec.structs.replace(
        newer,
        id=older.id,
        window_start=min(older.window_start, newer.window_start),
        window_end=max(older.window_end, newer.window_end),
        n=n,
        errors=errors,
        rate=min(1.0, sum(errors.values()) / n) if n else newer.rate,
        interfaces=tuple(dict.fromkeys(newer.interfaces + older.interfaces))[:_INTERFACES],
        samples=(newer.samples + older.samples)[:_SAMPLES],
    )


class Merger:
    """The unsent events of some reports by kind, so that new ones find what they add to."""

    def __init__(self, unsent: Iterable[Report]) -> None:
        self._waiting: dict[Kind, list[tuple[Report, AnomalyReport]]] = {}
        self.merged = 0
        """Events that became part of another."""
        for report in unsent:
            for event in report.events:
                self._waiting.setdefault(kind_of(event), []).append((report, event))

    def add(self, events: Sequence[AnomalyReport]) -> list[AnomalyReport]:
        """Add what can be added to what waits; returns what has to wait on its own."""
        return [event for event in events if not self._added(event)]

    def _added(self, event: AnomalyReport) -> bool:
        mine = self._waiting.get(kind_of(event))
        if not mine:
            return False
        report, last = mine[-1]
        if last.phase == event.phase:
            mine[-1] = (report, joined(last, event))
            _replace(report, last, mine[-1][1])
            self.merged += 1
            return True
        if len(mine) >= EACH_KIND_LIMIT:
            self._shorten(mine)
        del self._waiting[kind_of(event)]  # what comes after this one is not to overtake it
        return False

    def _shorten(self, mine: list[tuple[Report, AnomalyReport]]) -> None:
        """Make one of the two oldest turns of failing; what was between them is over."""
        first, second = [at for at, (_, one) in enumerate(mine) if one.phase == "failing"][:2]
        report, older = mine[first]
        _replace(report, older, joined(older, mine[second][1]))
        for holder, event in mine[first + 1 : second + 1]:
            holder.events = [one for one in holder.events if one is not event]
            self.merged += 1


def _replace(report: Report, old: AnomalyReport, new: AnomalyReport) -> None:
    report.events = [new if one is old else one for one in report.events]
