"""When to ask a silent peer whether it is alive, and when to believe that it is not."""

from __future__ import annotations

INTERVAL_SECONDS = 15.0
"""Silence before a heartbeat, and between two: SOFABolt's own."""
MISSED_LIMIT = 3
"""Heartbeats in a row without a byte in return."""


class Heartbeat:
    """One peer's. Any byte shows that it is alive, so a busy connection carries no heartbeats."""

    __slots__ = ("_heard", "_since", "missed")

    def __init__(self) -> None:
        self._heard = True
        self._since = 0.0
        self.missed = 0
        """Heartbeats sent since the last byte came."""

    def heard(self) -> None:
        """Bytes came; cheap, because it happens with each."""
        self._heard = True

    @property
    def is_dead(self) -> bool:
        """Were enough heartbeats missed?"""
        return self.missed > MISSED_LIMIT

    def due(self, now: float) -> bool:
        """Called a few times a second: is it time for a heartbeat, or to give up?"""
        if self._heard:
            self._heard = False
            self._since = now
            self.missed = 0
        elif now - self._since >= INTERVAL_SECONDS:
            self._since = now
            self.missed += 1
            return True
        return False
