"""Watches every endpoint this caller asks: who is sick, whose fault it is, and what is told of it.

Pure: counters and `now` in (on the monotonic clock), reports and shares out. Each second the
windows are judged, scope first: a fault that a service shares, or that this caller has with
everybody, ejects nobody. A streak of failures to reach an endpoint needs no second: it is judged as
it happens, beside what its peers did meanwhile. When they were not asked meanwhile, it waits for
their word, a second at most.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from time import time
from uuid import uuid4

from proxy.contract.reports import Ejection, Peers
from proxy.contract.snapshot import HealingTerms
from proxy.failures import Failure
from proxy.healing.ejector import Ejector, key_of
from proxy.healing.herald import Herald
from proxy.healing.judgement import Reading, is_sick, peers_of, scope_of
from proxy.healing.latency import slow_ones
from proxy.healing.peers import Word, remembered, word_of
from proxy.healing.records import Key, Record, Stats

KEYS_LIMIT = 10_000
SILENCE_SECONDS = 1.0
"""How long a streak waits for a word of its peers."""
BLAMED_LEAST, BLAMED_SERVICES = 3, 2
"""So many endpoints of so many services, and most of all that can be judged, fail: it is us."""
_MINUTE = 60
OVER_SECONDS = 2 * _MINUTE
"""After so long without a failure there is nothing left to say."""

Service = tuple[HealingTerms, Iterable[Stats]]


class Judge:
    """Every service that is called."""

    def __init__(
        self,
        *,
        new_id: Callable[[], str] = lambda: uuid4().hex,
        draw: Callable[[], float] = random.random,
        wall: Callable[[], float] = time,
        keys_limit: int = KEYS_LIMIT,
    ) -> None:
        self._new_id = new_id
        self._draw = draw
        self._keys_limit = keys_limit
        self._pending: set[tuple[Ejector, Record]] = set()
        self._crowded = False
        self._blamed = False
        """Is it this caller's own fault, as of the last second?"""
        self.herald = Herald(new_id, wall)
        self.ejectors: dict[str, Ejector] = {}

    # what is in force

    def become(self, services: Iterable[Service], now: float) -> None:
        """These services are in force."""
        self.herald.at(now)
        before, self.ejectors = self.ejectors, {}
        for terms, members in services:
            ejector = before.pop(terms.name, None)
            if ejector is None:
                ejector = Ejector(terms, self.herald, self._new_id, self._draw)
            ejector.become(terms, members, now)
            self.ejectors[terms.name] = ejector
        for name, ejector in before.items():
            ejector.become(HealingTerms(name=name), (), now)
        self.herald.forget(self.ejectors)

    def restore(self, ejections: Iterable[Ejection], now: float, wall: float) -> None:
        """Another process of this instance had these: they go on here."""
        for said in ejections:
            ejector = self.ejectors.get(said.service)
            key = (said.service, said.instance, said.address)
            found = [one for one in ejector.members if key_of(one) == key] if ejector else []
            if ejector is None or not found or ejector.terms.mode == "off":
                continue
            record = self._record(ejector, found[0])
            if record.ejected is None and ejector.may_eject(record):
                ejector.resume(record, said, now - wall)
                self.herald.resumed(record, now)

    # as it happens

    def failed(self, failure: Failure, now: float) -> None:
        """An attempt failed; its counters were moved already."""
        ejector = self.ejectors.get(failure.service)
        if ejector is None or ejector.terms.mode == "off":
            return
        key = (failure.service, failure.endpoint.id, failure.endpoint.addr)
        record = ejector.records.get(key)
        if record is None:
            found = [one for one in ejector.members if key_of(one) == key]
            if not found:
                return
            record = self._record(ejector, found[0])
        ejector.last_failure = int(now)
        self.herald.heard(key, failure)
        if failure.error not in ("connect", "timeout"):
            record.end_streak()
            return
        record.go_on_streak(failure.streak)
        if record.peers is None and record.streak >= 2:
            record.peers = remembered(ejector, record)
        least = ejector.terms.consecutive
        waits = (ejector, record) in self._pending
        if least and record.streak >= least and not waits:
            self._fast(ejector, record, now)

    def poll(self, now: float) -> None:
        """Called a few times a second: what waits for its time, a probe, or a word."""
        self.herald.at(now)
        for ejector, record in list(self._pending):
            self._pending.discard((ejector, record))
            if record.is_failing_now and self.ejectors.get(record.key[0]) is ejector:
                self._fast(ejector, record, now)
        for ejector in self.ejectors.values():
            for record in ejector.active_ejections:
                self._advance(ejector, record, now)

    def probed(self, service: str, key: Key, good: bool, now: float) -> None:
        """Somebody tried whether an endpoint can be reached."""
        ejector = self.ejectors.get(service)
        record = ejector.records.get(key) if ejector is not None else None
        if ejector is not None and record is not None and record.state == "probing":
            self.herald.at(now)
            ejector.look(record, int(good), int(not good), now, int(now))

    # each second

    def tick(self, now: float) -> None:
        """Judge the windows that end now."""
        self.herald.at(now)
        second = int(now)
        judged = []
        for ejector in self.ejectors.values():
            if ejector.terms.mode != "off":
                self._absorb(ejector, now)
                judged.append((ejector, self._readings(ejector, second)))
        self._blamed = self._is_blamed(judged)
        self.herald.blames(self._blamed, judged)
        for ejector, readings in judged:
            if second - ejector.last_failure <= OVER_SECONDS:
                self._judge(ejector, readings, second)
            if second % 5 == 0:
                for record, reading, is_slow in slow_ones(ejector, second):
                    peers = Peers(count=0, median=0.0, pooled=0.0)
                    self.herald.slow(record, reading, peers, is_slow=is_slow)
        self._forget_some()

    def steps(self, now: float) -> Iterator[tuple[Key, int, Ejection | None]]:
        """Those whose share is not whole, or whose ejection is not over, and their share."""
        for ejector in self.ejectors.values():
            for record in ejector.active_ejections:
                said = self.herald.said(ejector, record)
                yield record.key, ejector.steps(record, now), said

    # the slow path

    def _absorb(self, ejector: Ejector, now: float) -> None:
        for stats in ejector.members:
            if stats.attempts:
                self._advance(ejector, self._record(ejector, stats), now)

    def _advance(self, ejector: Ejector, record: Record, now: float) -> None:
        second = int(now)
        probed = record.state == "probing" and ejector.terms.mode != "report"
        good, bad = record.absorb(second, counts=not probed)
        if bad:
            ejector.last_failure = second
        if record.ejected is not None:
            ejector.look(record, good, bad, now, second)

    def _readings(self, ejector: Ejector, second: int) -> dict[Record, Reading]:
        """Those that can be compared; nobody while there is nothing to find."""
        if second - ejector.last_failure > _MINUTE:
            return {}
        enough = ejector.terms.min_requests
        return {
            record: record.reading(second, enough)
            for record in ejector.records.values()
            if record.state in ("active", "returning") and record.stats.endpoint.weight > 0
        }

    def _judge(self, ejector: Ejector, readings: dict[Record, Reading], second: int) -> None:
        herald, terms = self.herald, ejector.terms
        scope = scope_of(list(readings.values()), len(ejector.out), terms)
        herald.scope(ejector, scope, readings)
        for record in ejector.out:  # where nothing is done about it, it goes on
            herald.goes_on(ejector, record, second)
        if scope == "service" or self._blamed:
            return
        for record, reading in sorted(readings.items(), key=lambda one: -one[1].lcb):
            if record.ejected is not None and record.state != "returning":
                continue
            peers = peers_of([other for one, other in readings.items() if one is not record])
            if is_sick(reading, peers.median, terms):
                herald.sick(record, reading, peers)
                if not ejector.eject(record, "error_rate", herald.now):
                    herald.capped(ejector, record, "error_rate")
        herald.well_again(ejector)

    def _is_blamed(self, judged: Iterable[tuple[Ejector, dict[Record, Reading]]]) -> bool:
        bad = known = services = 0
        lately = self.herald.now - _MINUTE
        for ejector, readings in judged:
            floor = ejector.terms.error_floor
            out = sum(one.ejected is not None and one.ejected.since > lately for one in ejector.out)
            here = out + sum(one.is_judged and one.lcb >= floor for one in readings.values())
            known += out + sum(one.is_judged for one in readings.values())
            bad += here
            services += here > 0
        return services >= BLAMED_SERVICES and bad >= BLAMED_LEAST and 2 * bad > known

    # the fast path

    def _fast(self, ejector: Ejector, record: Record, now: float) -> None:
        """So many failures in a row: out at once, if its peers are well. Else it is looked at again
        a few times a second, for as long as it goes on failing."""
        if record.state not in ("active", "returning"):
            return
        herald, second = self.herald, int(now)
        herald.at(now)
        self._absorb(ejector, now)
        readings = self._readings(ejector, second)
        peers = peers_of([other for one, other in readings.items() if one is not record])
        scope = scope_of(list(readings.values()), len(ejector.out), ejector.terms)
        self._pending.add((ejector, record))
        if scope == "service" or self._blamed or self._has_to_wait(ejector, record, peers, now):
            return
        herald.sick(record, record.reading(second, ejector.terms.min_requests), peers)
        if ejector.eject(record, "consecutive", now):
            self._pending.discard((ejector, record))
        else:
            herald.capped(ejector, record, "consecutive")

    @staticmethod
    def _has_to_wait(ejector: Ejector, record: Record, peers: Peers, now: float) -> bool:
        word = word_of(ejector, record, peers.median)
        if word is Word.SILENT:
            record.pending_since = record.pending_since or now
            return now - record.pending_since < SILENCE_SECONDS
        return word is Word.ILL

    # memory

    def _record(self, ejector: Ejector, stats: Stats) -> Record:
        key = key_of(stats)
        record = ejector.records.get(key)
        if record is None or record.stats is not stats:
            record = ejector.records[key] = Record(key, stats)
            if self._crowded:  # it may be one that was forgotten: its past is not news
                record.skip()
        return record

    def _forget_some(self) -> None:
        """Keep to the bound: who was asked longest ago is forgotten first."""
        excess = sum(len(one.records) for one in self.ejectors.values()) - self._keys_limit
        self._crowded = self._crowded or excess > 0
        if excess <= 0:
            return
        quiet = sorted(
            (
                (record.used, ejector, key)
                for ejector in self.ejectors.values()
                for key, record in ejector.records.items()
                if record.ejected is None and not record.told_rule
            ),
            key=lambda one: one[0],
        )
        for _, ejector, key in quiet[:excess]:
            del ejector.records[key]
