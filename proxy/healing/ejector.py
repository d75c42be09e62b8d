"""When an endpoint is left out, and when it comes back: the machine of one service.

    active -> ejected -> probing -> returning -> active

Whatever comes in whatever order: never more are out than the caps allow, counted after the one
that is to go; and an endpoint comes back only by its time and its probes, or because it left, an
operator said so, or the service shrank so much that the oldest ejection has to end.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from proxy.contract.reports import Ejection
from proxy.contract.snapshot import HealingTerms
from proxy.healing.bounds import most_out, seconds_out, times_left
from proxy.healing.judgement import is_sick
from proxy.healing.records import EDGES, Ejected, Event, Key, Record, Stats

STEPS = 20
"""A whole share; `proxy.balancing.weights` counts in the same steps."""
FIRST_STEP = 2
"""A tenth: where a return begins."""


class Heard(Protocol):
    """Whoever is told of each move, as it is made."""

    def ejected(self, ejector: Ejector, record: Record, /) -> None:
        """It is out, or out again."""

    def ended(self, ejector: Ejector, record: Record, ejection: Ejected, /) -> None:
        """It is back, or gone."""

    def left(self, record: Record, /) -> None:
        """It is not in force any more."""


class Ejector:
    """The endpoints of one service, and which of them are out."""

    def __init__(
        self,
        terms: HealingTerms,
        heard: Heard,
        new_id: Callable[[], str],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.terms = terms
        self.members: list[Stats] = []
        """Every endpoint in force, asked or not."""
        self.records: dict[Key, Record] = {}
        self.last_failure = 0
        """The second in which one of them failed last."""
        self._heard = heard
        self._new_id = new_id
        self._draw = draw

    @property
    def n(self) -> int:
        """Endpoints that may be picked at all."""
        return sum(one.endpoint.weight > 0 for one in self.members)

    @property
    def out(self) -> list[Record]:
        """Those that are left out, or asked now and then; the oldest first."""
        found = [one for one in self.records.values() if one.state in ("ejected", "probing")]
        return sorted(found, key=lambda one: one.ejected.since if one.ejected else 0.0)

    @property
    def active_ejections(self) -> list[Record]:
        """Those whose ejection is not over, in any state."""
        return [one for one in self.records.values() if one.ejected is not None]

    def comparable(self) -> list[Record]:
        """Those that have their usual share, and so say something of their health."""
        return [
            one
            for one in self.records.values()
            if one.state in ("active", "returning") and one.stats.endpoint.weight > 0
        ]

    def become(self, terms: HealingTerms, members: Iterable[Stats], now: float) -> None:
        """These are in force now. Who left is forgotten; if too many are out for those that are
        left, the oldest ejection ends."""
        self.terms = terms
        self.members = list(members)
        here = {key_of(one): one for one in self.members}
        for key, record in list(self.records.items()):
            if here.get(key) is not record.stats:
                del self.records[key]
                self._release(record, now)
                self._heard.left(record)
        for record in self.active_ejections:
            if terms.mode == "off" or record.stats.endpoint.weight <= 0:
                self._release(record, now)
        out = self.out
        for record in out[: max(0, len(out) - most_out(self.n, terms))]:
            self._release(record, now)

    def may_eject(self, record: Record) -> bool:
        """Would the caps hold with this one out as well?"""
        if record.stats.endpoint.weight <= 0 or self.terms.mode == "off":
            return False
        others = sum(one is not record for one in self.out)
        return others + 1 <= most_out(self.n, self.terms)

    def eject(self, record: Record, rule: str, now: float) -> bool:
        """Take it out, if the caps allow; one that returns goes out for longer."""
        if record.state not in ("active", "returning") or not self.may_eject(record):
            return False
        ejection = record.ejected
        times = ejection.times + 1 if ejection else self._remembered(record, now) + 1
        seconds = seconds_out(times, self.terms, self._draw())
        if ejection is None:
            record.ejected = Ejected(self._new_id(), rule, times, now, seconds)
        else:
            _move(ejection, "sick")
            ejection.again(rule, now, seconds)
        record.times, record.streak, record.slow = times, 0, 0
        self._heard.ejected(self, record)
        return True

    def resume(self, record: Record, said: Ejection, shift: float) -> None:
        """Go on with an ejection of another process; `shift` makes monotonic time of Unix time."""
        ejection = Ejected(said.id, said.rule, said.times, said.since + shift, 0.0)
        ejection.until = said.until + shift
        ejection.state = "ejected" if said.state == "ejected" else "probing"
        record.ejected, record.times = ejection, said.times

    def look(self, record: Record, good: int, bad: int, now: float, second: int) -> None:
        """Move on an ejection, after so many new answers and failures."""
        ejection = record.ejected
        if ejection is None:
            return
        if ejection.state == "ejected" and now >= ejection.until:
            _move(ejection, "expired")
            ejection.good = 0
        elif ejection.state == "probing":
            self._probed(record, ejection, good, bad, now, second)
        elif ejection.state == "returning" and (
            now - ejection.warm_from >= self.terms.slow_start_seconds
        ):
            _move(ejection, "warmed")
            self._end(record, now)

    def steps(self, record: Record, now: float) -> int:
        """Which share it has just now, of STEPS."""
        ejection, terms = record.ejected, self.terms
        if ejection is None or terms.mode in ("off", "report"):
            return STEPS
        if ejection.state == "returning":
            window = terms.slow_start_seconds
            passed = int((now - ejection.warm_from) / window * STEPS) if window else STEPS
            return min(STEPS, max(FIRST_STEP, passed))
        return max(1, round(terms.weight_factor * STEPS)) if terms.mode == "weight" else 0

    def probing(self) -> Iterator[Record]:
        """Those that wait for a probe: left out, and their time is over."""
        if self.terms.mode == "eject":
            yield from (one for one in self.records.values() if one.state == "probing")

    # moves

    def _probed(
        self, record: Record, ejection: Ejected, good: int, bad: int, now: float, second: int
    ) -> None:
        if self.terms.mode == "report":  # all its traffic is there: the usual test decides
            bad = int(self._is_still_sick(record, second))
        if bad:
            _move(ejection, "failed")
            seconds = seconds_out(ejection.times + 1, self.terms, self._draw())
            ejection.again(ejection.rule, now, seconds)
            record.times = ejection.times
            self._heard.ejected(self, record)
            return
        ejection.good += good
        if ejection.good < self.terms.probes:
            return
        _move(ejection, "proven")
        ejection.warm_from = now
        if self.terms.mode == "report":
            _move(ejection, "warmed")
            self._end(record, now)
        else:
            record.history.clear()

    def _is_still_sick(self, record: Record, second: int) -> bool:
        least = self.terms.consecutive
        if least and record.streak >= least and record.is_failing_now:
            return True
        return is_sick(record.reading(second, self.terms.min_requests), 0.0, self.terms)

    def _release(self, record: Record, now: float) -> None:
        if record.ejected is not None:
            _move(record.ejected, "released")
            self._end(record, now)

    def _end(self, record: Record, now: float) -> None:
        ejection, record.ejected = record.ejected, None
        record.well_since = now
        if ejection is not None:
            self._heard.ended(self, record, ejection)

    def _remembered(self, record: Record, now: float) -> int:
        if not record.times:
            return 0
        return times_left(record.times, now - record.well_since)


def key_of(stats: Stats) -> Key:
    """What names an endpoint of a service."""
    return stats.service, stats.endpoint.id, stats.endpoint.addr


def _move(ejection: Ejected, event: Event) -> None:
    """Only along an edge of the table."""
    after = EDGES[ejection.state, event]
    if after != "active":
        ejection.state = after
