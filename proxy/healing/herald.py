"""What the console is told: each fault once, again while it goes on, and when it is over.

Reports are made here and nowhere else, so that nothing is ejected without one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from proxy.contract.reports import AnomalyReport, Ejection, Peers, Scope
from proxy.failures import Failure
from proxy.healing.ejector import Ejector
from proxy.healing.evidence import Evidence
from proxy.healing.judgement import Reading, is_worth_telling
from proxy.healing.records import Ejected, Key, Record
from proxy.healing.telling import NOTHING, ejection_said, report_of

REPEAT_SECONDS = 15.0
RECOVERED_AFTER_SECONDS = 5.0
REPORTS_LIMIT = 1000
EVIDENCE_LIMIT = 10_000
OURSELVES = ""
"""Stands for all services where a fault is this caller's own."""
Judged = Sequence[tuple[Ejector, Mapping[Record, Reading]]]


class Shared(NamedTuple):
    """A fault of a whole service, or of this caller, that was told."""

    record: Record
    told_at: float
    seen_at: float


class Herald:
    """Keeps what was told of whom, and the reports until somebody takes them."""

    def __init__(self, new_id: Callable[[], str], wall: Callable[[], float]) -> None:
        self._new_id = new_id
        self._wall = wall
        self._evidence: dict[Key, Evidence] = {}
        self._found: tuple[Record, Reading, Peers] | None = None
        """What the next ejection is for."""
        self._shared: dict[str, Shared] = {}
        self._reports: deque[AnomalyReport] = deque(maxlen=REPORTS_LIMIT)
        self.now = 0.0
        self.shift = 0.0
        """What makes Unix time of the monotonic clock."""
        self.digest = ""
        """The snapshot in force."""
        self.counted: dict[str, int] = {}
        """Ejections so far by rule."""
        self.dropped = 0
        """Reports that nobody took in time."""

    def at(self, now: float) -> None:
        """What comes happens now."""
        self.now = now
        self.shift = self._wall() - now

    def heard(self, key: Key, failure: Failure) -> None:
        """Keep a few failures for the next report."""
        evidence = self._evidence.get(key)
        if evidence is None:
            if len(self._evidence) >= EVIDENCE_LIMIT:
                del self._evidence[next(iter(self._evidence))]
            evidence = self._evidence[key] = Evidence()
        evidence.add(failure)

    def take(self) -> list[AnomalyReport]:
        """Every report that was not taken yet."""
        taken = list(self._reports)
        self._reports.clear()
        return taken

    @property
    def has_news(self) -> bool:
        """Is there a report to take?"""
        return bool(self._reports)

    def said(self, ejector: Ejector, record: Record) -> Ejection | None:
        """Its ejection, as the contract has it."""
        if record.ejected is None:
            return None
        return ejection_said(ejector, record, record.ejected, self.shift)

    # of one endpoint

    def sick(self, record: Record, reading: Reading, peers: Peers) -> None:
        """This was found; what is done about it comes next."""
        self._found = record, reading, peers

    def ejected(self, ejector: Ejector, record: Record) -> None:
        """It is out, or out again."""
        ejection = record.ejected
        rule = ejection.rule if ejection is not None else ""
        self.counted[rule] = self.counted.get(rule, 0) + 1
        self._tell_failing(ejector, record, rule)

    def ended(self, ejector: Ejector, record: Record, ejection: Ejected) -> None:
        """It is back, or gone."""
        said = ejection_said(ejector, record, ejection, self.shift)
        self._tell_recovered(record, record.told_rule or ejection.rule, said)

    def resumed(self, record: Record, now: float) -> None:
        """Another process of this instance told of it."""
        if record.ejected is not None:
            record.told_rule, record.told_at = record.ejected.rule, now

    def capped(self, ejector: Ejector, record: Record, rule: str) -> None:
        """It is sick, and as many are out already as may be: so it is only told."""
        record.sick_at = self.now
        if self._is_due(record):
            self._tell_failing(ejector, record, record.told_rule or rule)
        self._found = None

    def goes_on(self, ejector: Ejector, record: Record, second: int) -> None:
        """It fails on, as nothing or little is done about it."""
        ejection = record.ejected
        if ejection is not None and self._is_due(record):
            reading = record.since_told(second, self.now)
            self._found = record, reading, Peers(count=0, median=0.0, pooled=0.0)
            self._tell_failing(ejector, record, ejection.rule)

    def well_again(self, ejector: Ejector) -> None:
        """Of those who were told of and not ejected: who is not sick any more?"""
        for record in ejector.records.values():
            over = self.now - record.sick_at >= RECOVERED_AFTER_SECONDS
            if record.told_rule and record.ejected is None and over:
                self._tell_recovered(record, record.told_rule, None)

    def left(self, record: Record) -> None:
        """It is not in force any more: this caller will say no more of it."""
        self._evidence.pop(record.key, None)
        if record.told_rule:
            self._tell_recovered(record, record.told_rule, None)
        if record.latency_told:
            self._add(record, "recovered", "latency")

    def slow(self, record: Record, reading: Reading, peers: Peers, *, is_slow: bool) -> None:
        """It is much slower than its peers, or no longer so."""
        told = record.latency_told
        if is_slow and (not told or self.now - told >= REPEAT_SECONDS):
            record.latency_told = self.now
            self._add(record, "failing", "latency", reading=reading, peers=peers)
        elif told and not is_slow:
            record.latency_told = 0.0
            self._add(record, "recovered", "latency")

    # of what endpoints share

    def scope(self, ejector: Ejector, scope: Scope, readings: Mapping[Record, Reading]) -> None:
        """Whose fault it is, in one service."""
        worth = scope == "service" and is_worth_telling(list(readings.values()), ejector.terms)
        self._share(ejector.terms.name, "service", readings if worth else {})

    def blames(self, is_blamed: bool, judged: Judged) -> None:
        """Is it this caller's own fault?"""
        readings = {one: reading for _, each in judged for one, reading in each.items()}
        self._share(OURSELVES, "reporter", readings if is_blamed else {})

    def scope_of(self, service: str) -> Scope:
        """Whose fault what fails in this service is, as far as is known."""
        if OURSELVES in self._shared:
            return "reporter"
        return "service" if service in self._shared else "instance"

    def forget(self, services: Collection[str]) -> None:
        """Only these are called from now on."""
        for name in [one for one in self._shared if one and one not in services]:
            self._end_share(name, "service")

    def _share(self, name: str, scope: Scope, readings: Mapping[Record, Reading]) -> None:
        told = self._shared.get(name)
        if not readings:
            if told is not None and self.now - told.seen_at >= RECOVERED_AFTER_SECONDS:
                self._end_share(name, scope)
            return
        if told is not None and self.now - told.told_at < REPEAT_SECONDS:
            self._shared[name] = told._replace(seen_at=self.now)
            return
        worst = max(readings, key=lambda one: readings[one].lcb)
        record = told.record if told is not None else worst
        self._shared[name] = Shared(record, self.now, self.now)
        reading = readings.get(record, NOTHING)
        self._add(record, "failing", scope, scope=scope, reading=reading)

    def _end_share(self, name: str, scope: Scope) -> None:
        told = self._shared.pop(name)
        self._add(told.record, "recovered", scope, scope=scope)

    # words

    def _is_due(self, record: Record) -> bool:
        if not record.told_rule:
            return True
        return self.now - record.told_at >= REPEAT_SECONDS and record.bad > record.told_n

    def _tell_failing(self, ejector: Ejector, record: Record, rule: str) -> None:
        found, self._found = self._found, None
        reading, peers = (found[1], found[2]) if found and found[0] is record else (NOTHING, None)
        if record.told_rule and record.told_rule != rule:
            self._tell_recovered(record, record.told_rule, None)
        record.told_rule, record.told_at, record.told_n = rule, self.now, record.bad
        record.sick_at = self.now
        said = self.said(ejector, record)
        self._add(record, "failing", rule, reading=reading, peers=peers, ejection=said)

    def _tell_recovered(self, record: Record, rule: str, said: Ejection | None) -> None:
        record.told_rule = ""
        self._add(record, "recovered", rule, ejection=said)

    def _add(
        self,
        record: Record,
        phase: str,
        rule: str,
        *,
        scope: Scope = "instance",
        reading: Reading = NOTHING,
        peers: Peers | None = None,
        ejection: Ejection | None = None,
    ) -> None:
        if len(self._reports) == REPORTS_LIMIT:
            self.dropped += 1
        self._reports.append(
            report_of(
                self._new_id(),
                record,
                "failing" if phase == "failing" else "recovered",
                rule,
                at=self.now + self.shift,
                scope=scope,
                reading=reading,
                peers=peers,
                ejection=ejection,
                evidence=self._evidence.pop(record.key, None) if phase == "failing" else None,
                digest=self.digest,
            )
        )


def active(pairs: Iterable[Ejection | None]) -> tuple[Ejection, ...]:
    """Those that are told."""
    return tuple(one for one in pairs if one is not None)
