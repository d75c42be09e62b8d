"""How connections of an old generation come to their end: the decisions, without clock or socket.

A connection that is to be replaced goes on serving until another has been made in the way that is
wanted now; then it drains. A connection that drains takes nothing new and ends when nothing is in
flight on it: one that carries a request at a time at once, one that carries many after a moment for
late frames. What is still in flight after ten minutes is cut, and counted as cut. Bytes without
requests - a session, a tunnel - have no boundary to wait for and live on until they end.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Literal, Protocol, TypeVar

GRACE_SECONDS = 2.0
"""For frames that are on their way to a connection that carries many requests."""
HARD_SECONDS = 600.0
SHARE = 0.25
SHARE_SECONDS = 5.0
"""Such a share of an upstream's connections is replaced in so long, at most."""
AGE_SECONDS = 8 * 3600.0
AGE_SPREAD = 0.1
LEAF_SECONDS = 600.0
"""A connection is replaced so long before the certificate it was made with ends."""

Verdict = Literal["wait", "close", "cut"]


class Served(Protocol):
    """A connection, as far as it matters here."""

    idle_since: float

    @property
    def under_way(self) -> int:
        """What is in flight on it."""


S = TypeVar("S", bound=Served)


def verdict(
    *, now: float, drains_since: float, idle_since: float, under_way: int, endless: bool
) -> Verdict:
    """What becomes of a connection that drains; `idle_since` is when its last request ended."""
    if not under_way:
        return "close" if now - max(drains_since, idle_since) >= GRACE_SECONDS else "wait"
    if endless or now - drains_since < HARD_SECONDS:
        return "wait"
    return "cut"


def next_to_go(stale: Iterable[S]) -> S | None:
    """Whoever is idle for longest; else whoever has least in flight."""
    return min(stale, key=lambda one: (one.under_way, one.idle_since), default=None)


def age_of(leaf_seconds: float, random: Random) -> float:
    """Seconds that a connection may be used, made with a certificate that holds so long yet."""
    age = min(AGE_SECONDS, max(leaf_seconds - LEAF_SECONDS, leaf_seconds / 2))
    return max(0.0, age) * random.uniform(1 - AGE_SPREAD, 1 + AGE_SPREAD)


class Pace:
    """Spreads the replacements of one upstream: a quarter of its connections in five seconds, one
    after another, and at least one."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0.0

    def may(self, now: float, opened: int) -> bool:
        """May one of `opened` connections be replaced at `now`? Saying so counts as doing it."""
        if now < self._next:
            return False
        # never paid back: whoever was not replaced in time does not let two go at once
        self._next = now + SHARE_SECONDS / max(1.0, opened * SHARE)
        return True
