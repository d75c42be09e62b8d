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
from proxy.healing.burst import found
from proxy.healing.comparison import (
    BLAMED_SECONDS,
    forget_some,
    is_blamed,
    is_shared,
    lately,
    readings_of,
)
from proxy.healing.ejector import Ejector, key_of
from proxy.healing.herald import Herald
from proxy.healing.judgement import Reading, is_sick, peers_of, stands_out
from proxy.healing.latency import slow_ones
from proxy.healing.peers import Word, remembered, word_of
from proxy.healing.records import Key, Record, Stats

KEYS_LIMIT = 10_000
SILENCE_SECONDS = 1.0
"""How long a streak waits for a word of its peers."""
OVER_SECONDS = 120
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
        self._asked: dict[str, Ejector] = {}
        """Those of which an endpoint was asked. Of a whole mesh one sidecar calls few, and looking
        at all of them each time would hold up whoever is being served."""

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
        self._asked = {name: one for name, one in self.ejectors.items() if one.records}
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
        self._look_at_burst(ejector, record, now)
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
        """Called a few times a second: what waits for its time, a probe, or a word, and busy
        endpoints that begin to fail."""
        self.herald.at(now)
        for ejector, record in list(self._pending):
            self._pending.discard((ejector, record))
            if record.is_failing_now and self.ejectors.get(record.key[0]) is ejector:
                self._fast(ejector, record, now)
        second = int(now)
        for ejector in self._asked.values():
            for record in ejector.active_ejections:
                self._advance(ejector, record, now)
            if ejector.last_failure >= second - 1 and ejector.terms.mode != "off":
                self._absorb(ejector, now)
                self._judge(ejector, lately(ejector, second))

    def missed(self, service: str, key: Key, why: str, now: float) -> None:
        """Whoever asked after an endpoint that could not be reached could not reach it either."""
        _, record = self._known(service, key)
        if record is not None:
            record.history.add(int(now), (1, 1, 0, 0, 0))
            record.bad += 1
            self.failed(
                Failure(
                    service=service, endpoint=record.stats.endpoint, error="connect", detail=why
                ),
                now,
            )

    def is_doubted(self, service: str, key: Key) -> bool:
        """Could it not be reached just now, and is that not enough yet?"""
        ejector, record = self._known(service, key)
        if ejector is None or record is None or not record.is_failing_now:
            return False
        return record.state == "active" and record.streak < ejector.terms.consecutive

    def probed(self, service: str, key: Key, good: bool, now: float) -> None:
        """Somebody tried whether an endpoint can be reached."""
        ejector, record = self._known(service, key)
        if ejector is not None and record is not None and record.state == "probing":
            self.herald.at(now)
            ejector.look(record, int(good), int(not good), now, int(now))

    # each second

    def tick(self, now: float) -> None:
        """Judge the windows that end now."""
        self.herald.at(now)
        second = int(now)
        judged = []
        self._look_around(now)
        for ejector in self._asked.values():
            if ejector.terms.mode != "off":
                self._absorb(ejector, now)
                judged.append((ejector, readings_of(ejector, second)))
        self._blamed = is_blamed(judged, now - BLAMED_SECONDS)
        self.herald.blames(self._blamed, judged)
        for ejector, readings in judged:
            if second - ejector.last_failure <= OVER_SECONDS:
                self._scope(ejector, readings, second)
                self._judge(ejector, [readings, *lately(ejector, second)])
            if second % 5 == 0:
                for record, reading, is_slow in slow_ones(ejector, second):
                    peers = Peers(count=0, median=0.0, pooled=0.0)
                    self.herald.slow(record, reading, peers, is_slow=is_slow)
        self._forget_some()

    def steps(self, now: float) -> Iterator[tuple[Key, int, Ejection | None]]:
        """Those whose share is not whole, or whose ejection is not over, and their share."""
        for ejector in self._asked.values():
            for record in ejector.active_ejections:
                said = self.herald.said(ejector, record)
                yield record.key, ejector.steps(record, now), said

    def _look_around(self, now: float) -> None:
        """Which services were asked for the first time?"""
        for name, ejector in self.ejectors.items():
            if name not in self._asked:
                for stats in ejector.members:
                    if stats.attempts:
                        self._absorb(ejector, now)
                        break

    def _look_at_burst(self, ejector: Ejector, record: Record, now: float) -> None:
        if record.state not in ("active", "returning") or self._blamed:
            return
        reading = found(ejector, record, now)
        if reading is not None:
            self.herald.at(now)
            self._absorb(ejector, now)
            self._found(ejector, record, reading)

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

    def _scope(self, ejector: Ejector, readings: dict[Record, Reading], second: int) -> None:
        """Whose fault it is, and what goes on although something was done about it."""
        shared = is_shared(ejector, readings)
        self.herald.scope(ejector, "service" if shared else "instance", readings)
        for record in ejector.out:  # where nothing is done about it, it goes on
            self.herald.goes_on(ejector, record, second)
        if not shared:
            self.herald.well_again(ejector)

    def _judge(self, ejector: Ejector, views: list[dict[Record, Reading]]) -> None:
        """Eject who is sick in one of these views, if in none of them it is the service."""
        terms = ejector.terms
        if self._blamed or any(is_shared(ejector, view) for view in views):
            return
        for view in views:
            for record, reading in sorted(view.items(), key=lambda one: -one[1].lcb):
                if reading.lcb < terms.error_floor:
                    break
                peers = peers_of([other for one, other in view.items() if one is not record])
                if record.state in ("active", "returning") and is_sick(
                    reading, peers.median, terms
                ):
                    self._found(ejector, record, reading)

    def _found(self, ejector: Ejector, record: Record, reading: Reading) -> None:
        """It is sick. Of a second's requests alone its peers may have failed none by chance, so
        their usual windows have a word as well."""
        view = readings_of(ejector, int(self.herald.now))
        peers = peers_of([other for one, other in view.items() if one is not record])
        stands = stands_out(reading.lcb, peers.median, ejector.terms)
        if not stands or is_shared(ejector, view):
            return
        self.herald.sick(record, reading, peers)
        if not ejector.eject(record, "error_rate", self.herald.now):
            self.herald.capped(ejector, record, "error_rate")

    def _fast(self, ejector: Ejector, record: Record, now: float) -> None:
        """So many failures in a row: out at once, if its peers are well. Else it is looked at again
        a few times a second, for as long as it goes on failing."""
        if record.state not in ("active", "returning"):
            return
        herald, second = self.herald, int(now)
        herald.at(now)
        self._absorb(ejector, now)
        readings = readings_of(ejector, second)
        peers = peers_of([other for one, other in readings.items() if one is not record])
        self._pending.add((ejector, record))
        if is_shared(ejector, readings) or self._blamed:
            return
        if self._has_to_wait(ejector, record, peers, now):
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

    def _known(self, service: str, key: Key) -> tuple[Ejector | None, Record | None]:
        ejector = self.ejectors.get(service)
        return ejector, ejector.records.get(key) if ejector is not None else None

    def _record(self, ejector: Ejector, stats: Stats) -> Record:
        key = key_of(stats)
        record = ejector.records.get(key)
        if record is None or record.stats is not stats:
            record = ejector.records[key] = Record(key, stats)
            self._asked[ejector.terms.name] = ejector
            if self._crowded:  # it may be one that was forgotten: its past is not news
                record.skip()
        return record

    def _forget_some(self) -> None:
        """Keep to the bound: who was asked longest ago is forgotten first."""
        self._crowded = forget_some(self.ejectors, self._keys_limit) or self._crowded
