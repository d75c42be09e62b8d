"""Notices that this process was away: what came too late meanwhile is nobody else's fault.

An event loop that was stopped, starved or busy sees deadlines pass that its peers have kept: their
answers lie unread in its sockets. So what comes too late while the loop is late, or at the beat
that ends its absence, counts against nobody.
"""

from __future__ import annotations

from time import monotonic

BEAT_SECONDS = 0.2
"""How often a beat is due; the sweep's tick."""
ALLOWED_SECONDS = 0.1
"""A beat that is later than this tells of a stall."""


class Stall:
    """Knows when the last beat was, and whether it was late."""

    __slots__ = ("_beat_at", "_late_until", "seconds", "seen")

    def __init__(self) -> None:
        self._beat_at = 0.0
        self._late_until = 0.0
        self.seen = 0
        """Stalls so far."""
        self.seconds = 0.0
        """How long they were, together."""

    def beat(self, now: float, late: float) -> None:
        """The loop is here, so many seconds late."""
        self._beat_at = now
        if late > ALLOWED_SECONDS:
            self.seen += 1
            self.seconds += late
            self._late_until = now + BEAT_SECONDS

    def stop(self) -> None:
        """Nobody beats any more."""
        self._beat_at = self._late_until = 0.0

    def is_on(self, now: float) -> bool:
        """Is the loop late, or was it a moment ago?"""
        if now < self._late_until:
            return True
        return self._beat_at > 0.0 and now - self._beat_at > BEAT_SECONDS + ALLOWED_SECONDS

    def blames_us(self) -> bool:
        """The same, now."""
        return self.is_on(monotonic())


STALL = Stall()
"""Of this process's one event loop."""
