"""Which of our own upstreams cannot be reached: attempts counted, told once, told when over.

Pure: the relay says `failed(...)`, the agent says `tick(stats, now)`, and reports come back. One
rule for now, `connect`: an endpoint that refuses, resets or fails the handshake is reported with
the first tick that saw it, again at most every 15 s while new failures come, and as `recovered`
once answers come back and nothing has failed for 5 s. So is one that leaves the snapshot while
failing: this caller will say no more of it, and what it opened it closes.

Every report counts its own window only, so whoever adds up the reports of one failure counts
nothing twice. Time differences are taken absolute: a clock set back costs one early report and
never a silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal, Protocol
from uuid import uuid4

from proxy.contract.reports import AnomalyReport, ErrorClass, Scope, Subject
from proxy.contract.snapshot import Endpoint
from proxy.failures import Failure
from proxy.healing.evidence import Evidence

REPEAT_SECONDS = 15.0
RECOVERED_AFTER_SECONDS = 5.0
KEYS_LIMIT = 10_000
_CLASSES: tuple[ErrorClass, ...] = ("connect", "timeout", "5xx", "protocol")

Key = tuple[str, str, str]
"""Service, endpoint id and address."""


class Stats(Protocol):
    """Counters of one endpoint; they only grow."""

    service: str
    endpoint: Endpoint
    attempts: int
    answered: int
    excused: int

    def errors(self) -> dict[ErrorClass, int]:
        """Failed attempts by class."""


class _Watch:
    """One endpoint as of its last report, and how it is doing."""

    __slots__ = (
        "answers", "attempts", "connects", "endpoint", "errors", "excused", "failing",
        "last_failure", "last_report", "since",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, now: float) -> None:
        self.endpoint = endpoint
        self.since = now
        self.attempts = 0
        self.connects = 0
        self.answers = 0
        self.excused = 0
        self.errors: dict[ErrorClass, int] = {}
        self.failing = False
        self.last_failure = 0.0
        self.last_report = 0.0


class Detector:
    """Tells failing endpoints from good ones; memory is bounded by `keys_limit` endpoints."""

    def __init__(
        self,
        *,
        wake: Callable[[], None] | None = None,
        new_id: Callable[[], str] = lambda: uuid4().hex,
        keys_limit: int = KEYS_LIMIT,
        scope_of: Callable[[str], Scope] = lambda _: "instance",
    ) -> None:
        self.wake = wake
        """Called when an endpoint that was well fails: a tick would find something to report."""
        self.scope_of = scope_of
        """Whose fault it is that a service's endpoints fail, as far as that is known."""
        self._new_id = new_id
        self._keys_limit = keys_limit
        self._watches: dict[Key, _Watch] = {}
        self._evidence: dict[Key, Evidence] = {}
        self._ticked_at: float | None = None
        self._crowded = False

    @property
    def failing(self) -> list[str]:
        """The instances that fail now."""
        return sorted({watch.endpoint.id for watch in self._watches.values() if watch.failing})

    def failed(self, failure: Failure, /) -> None:
        """One attempt failed; its counters were moved already."""
        key = (failure.service, failure.endpoint.id, failure.endpoint.addr)
        evidence = self._evidence.get(key)
        if evidence is None:
            if len(self._evidence) >= self._keys_limit:
                del self._evidence[next(iter(self._evidence))]
            evidence = self._evidence[key] = Evidence()
        evidence.add(failure)
        watch = self._watches.get(key)
        if failure.error == "connect" and self.wake and not (watch and watch.failing):
            self.wake()

    def tick(self, stats: Iterable[Stats], now: float, digest: str = "") -> list[AnomalyReport]:
        """What there is to report at `now` (epoch s) about the endpoints in force."""
        reports: deque[AnomalyReport] = deque()
        before, self._watches = self._watches, {}
        for one in stats:
            key = (one.service, one.endpoint.id, one.endpoint.addr)
            watch = before.pop(key, None) or self._new_watch(one, now)
            self._watches[key] = watch
            watch.endpoint = one.endpoint
            phase = self._judge(watch, one, now)
            if phase is not None:
                reports.append(self._report(key, watch, one, phase, now, digest))
        for key, watch in before.items():
            self._evidence.pop(key, None)
            if watch.failing:
                reports.append(self._left(key, watch, now, digest))
        self._forget_some()
        self._ticked_at = now
        return list(reports)

    def _judge(
        self, watch: _Watch, one: Stats, now: float
    ) -> Literal["failing", "recovered"] | None:
        errors = one.errors()
        connects, answers = errors["connect"], one.answered + errors["5xx"]
        excused = one.excused - watch.excused
        failed, answered = connects - excused > watch.connects, answers > watch.answers
        watch.connects, watch.answers, watch.excused = connects, answers, one.excused
        if failed:
            watch.last_failure = now
        if not watch.failing:
            return "failing" if failed else None
        if answered and abs(now - watch.last_failure) >= RECOVERED_AFTER_SECONDS:
            return "recovered"
        due = abs(now - watch.last_report) >= REPEAT_SECONDS
        new = errors["connect"] > watch.errors.get("connect", 0)
        return "failing" if due and new else None

    def _report(
        self,
        key: Key,
        watch: _Watch,
        one: Stats,
        phase: Literal["failing", "recovered"],
        now: float,
        digest: str,
    ) -> AnomalyReport:
        errors = one.errors()
        evidence = self._evidence.pop(key, None) or Evidence()
        report = AnomalyReport(
            id=self._new_id(),
            subject=_subject(key, watch),
            phase=phase,
            rule="connect",
            scope=self.scope_of(key[0]),
            window_start=min(watch.since, now),
            window_end=now,
            n=one.attempts - watch.attempts,
            errors={
                name: errors[name] - watch.errors.get(name, 0)
                for name in _CLASSES
                if errors[name] > watch.errors.get(name, 0)
            },
            interfaces=tuple(evidence.interfaces),
            samples=tuple(evidence.samples) if phase == "failing" else (),
            digest=digest,
        )
        watch.failing = phase == "failing"
        watch.since = watch.last_report = now
        watch.attempts, watch.errors = one.attempts, errors
        return report

    def _left(self, key: Key, watch: _Watch, now: float, digest: str) -> AnomalyReport:
        return AnomalyReport(
            id=self._new_id(),
            subject=_subject(key, watch),
            phase="recovered",
            rule="connect",
            window_start=min(watch.since, now),
            window_end=now,
            n=0,
            digest=digest,
        )

    def _new_watch(self, one: Stats, now: float) -> _Watch:
        watch = _Watch(one.endpoint, now if self._ticked_at is None else self._ticked_at)
        if self._crowded:  # it may be one that was forgotten: its past is not news
            watch.attempts, watch.errors = one.attempts, one.errors()
            watch.connects = watch.errors["connect"]
            watch.answers = one.answered + watch.errors["5xx"]
        return watch

    def _forget_some(self) -> None:
        """Keep to the bound: endpoints that are well are forgotten first."""
        excess = len(self._watches) - self._keys_limit
        self._crowded = excess > 0
        if not self._crowded:
            return
        well = [key for key, watch in self._watches.items() if not watch.failing]
        failing = [key for key, watch in self._watches.items() if watch.failing]
        for key in (well + failing)[:excess]:
            del self._watches[key]


def _subject(key: Key, watch: _Watch) -> Subject:
    endpoint = watch.endpoint
    return Subject(
        instance=endpoint.id,
        address=endpoint.addr,
        app=key[0],
        unit=endpoint.unit,
        group=endpoint.group,
    )
