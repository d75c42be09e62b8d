"""What is remembered of one endpoint: its counts, its failures in a row, and its ejection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from proxy.contract.reports import EjectionState
from proxy.contract.snapshot import Endpoint
from proxy.healing.history import History
from proxy.healing.judgement import Z_SHORT, Reading, reading_of

if TYPE_CHECKING:
    from proxy.healing.burst import Burst

Key = tuple[str, str, str]
"""Service, endpoint id and address."""
State = Literal["active"] | EjectionState
Event = Literal["sick", "expired", "failed", "proven", "warmed", "released"]

EDGES: dict[tuple[State, Event], State] = {
    ("active", "sick"): "ejected",
    ("ejected", "expired"): "probing",
    ("probing", "failed"): "ejected",
    ("probing", "proven"): "returning",
    ("returning", "sick"): "ejected",
    ("returning", "warmed"): "active",
    ("ejected", "released"): "active",
    ("probing", "released"): "active",
    ("returning", "released"): "active",
}
"""Every way an endpoint may go. Released: it left, or the cap shrank below it, or an operator has
turned ejection off."""


class Stats(Protocol):
    """Counters of one endpoint; but for `in_flight` and `median_seconds` they only grow."""

    service: str
    endpoint: Endpoint
    attempts: int
    answered: int
    connect: int
    timeout: int
    server_error: int
    protocol: int
    excused: int
    """Failures among those that are not the endpoint's."""
    in_flight: int
    median_seconds: float
    """About half of its answers took longer."""


Remembered = tuple[Stats, int, int]
"""A peer, and what it had answered and failed at some moment."""


class Ejected:
    """An ejection under way."""

    __slots__ = ("good", "id", "rule", "since", "state", "times", "until", "warm_from")

    def __init__(self, id: str, rule: str, times: int, now: float, seconds: float) -> None:
        self.id = id
        self.rule = rule
        self.times = times
        self.since = now
        self.until = now + seconds
        self.state: EjectionState = "ejected"
        self.good = 0
        """Probes that went well, in a row."""
        self.warm_from = 0.0
        """When it began to return."""

    def again(self, rule: str, now: float, seconds: float) -> None:
        """Out once more, for longer."""
        self.rule = rule
        self.times += 1
        self.since, self.until = now, now + seconds
        self.state = "ejected"
        self.good = 0


class Record:
    """One endpoint that was asked at least once."""

    __slots__ = (
        "_over", "bad", "burst", "classes", "ejected", "excused", "good", "history", "key",
        "latency_told", "peers", "pending_since", "sick_at", "slow", "stats", "streak", "times",
        "told_at", "told_n", "told_rule", "used", "well_since",
    )  # fmt: skip

    def __init__(self, key: Key, stats: Stats) -> None:
        self.key = key
        self.stats = stats
        self.history = History()
        self.good = 0
        self.classes: tuple[int, int, int, int] = (0, 0, 0, 0)
        self.excused = 0
        self.bad = 0
        """Failures so far that count."""
        self.burst: Burst | None = None
        """Failures that came thick, the last time that they did."""
        self.streak = 0
        """Failures to reach it in a row."""
        self._over = 0
        """Whatever it said by the time of its last failure in a row."""
        self.peers: list[Remembered] | None = None
        """What its peers had counted when its streak began."""
        self.pending_since = 0.0
        """Since when a streak waits for a word of its peers; 0 is none."""
        self.ejected: Ejected | None = None
        self.times = 0
        """Ejections in a row that are remembered."""
        self.well_since = 0.0
        """Since when it is in health, after an ejection."""
        self.sick_at = 0.0
        """When it was found sick last."""
        self.slow = 0
        """Windows in a row in which it was much slower than its peers."""
        self.latency_told = 0.0
        self.told_rule = ""
        """What it is reported for just now; empty when it is well."""
        self.told_at = 0.0
        self.told_n = 0
        """Its failures when it was reported last."""
        self.used = 0
        """The second it was last asked in."""

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.ejected.state if self.ejected is not None else "active"

    @property
    def is_failing_now(self) -> bool:
        """Has it said nothing since it failed to be reached?"""
        return self.streak > 0 and _said(self.stats) == self._over

    def go_on_streak(self, told: int) -> None:
        """It could not be reached, for the `told`th time in a row by whoever asked; 0 is unknown.
        What several workers see adds up."""
        over = _said(self.stats)
        if told == 1 or not self.streak or (not told and over != self._over):
            self.end_streak()
        self.streak += 1
        self._over = over

    def end_streak(self) -> None:
        """It said something."""
        self.streak = 0
        self.peers = None
        self.pending_since = 0.0

    def skip(self) -> None:
        """What was counted so far is not news."""
        stats = self.stats
        self.good = stats.answered
        self.classes = _classes(stats)
        self.excused = stats.excused

    def absorb(self, second: int, *, counts: bool = True) -> tuple[int, int]:
        """Take what is new in the counters: answers and failures. `counts` False keeps it out of
        the history: requests to an endpoint that is probed say nothing of its peers' share."""
        stats = self.stats
        classes = _classes(stats)
        good = stats.answered - self.good
        fresh = [now - then for now, then in zip(classes, self.classes, strict=True)]
        excused = stats.excused - self.excused
        if not good and not any(fresh):
            return 0, 0
        self.good, self.classes, self.excused = stats.answered, classes, stats.excused
        self.used = second
        for at in _EXCUSED_FROM:
            taken = min(excused, fresh[at])
            fresh[at] -= taken
            excused -= taken
        bad = sum(fresh)
        self.bad += bad
        if counts and good + bad > 0:
            self.history.add(second, (good + bad, *fresh))
        return good, bad

    def reading(self, second: int, enough: int) -> Reading:
        """Its window: the shortest with enough requests."""
        seconds = self.history.shortest(second, enough)
        return reading_of(seconds, self.history.sums(second, seconds))

    def lately(self, second: int, seconds: int) -> Reading:
        """A window that is too short for all but busy endpoints, judged more strictly."""
        return reading_of(seconds, self.history.sums(second, seconds), Z_SHORT)

    def since_told(self, second: int, now: float) -> Reading:
        """What it did since it was last reported, a minute at most."""
        seconds = max(1, min(60, int(now - self.told_at))) if self.told_at else 60
        return reading_of(seconds, self.history.sums(second, seconds))


_EXCUSED_FROM = (2, 1, 0, 3)
"""Of which class a failure that is excused was, most likely: 5xx, timeout, connect, protocol."""


def _classes(stats: Stats) -> tuple[int, int, int, int]:
    return stats.connect, stats.timeout, stats.server_error, stats.protocol


def _said(stats: Stats) -> int:
    """Answers of any kind, good or bad."""
    return stats.answered + stats.server_error + stats.protocol
