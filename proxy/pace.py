"""How fast to send: a burst, and then a steady rate; without a clock of its own."""

from __future__ import annotations


class Pace:
    """A bucket of `burst` sends that refills at `rate` per second."""

    def __init__(self, *, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at: float | None = None

    def take(self, now: float) -> float:
        """Note one send; the seconds to wait before making it. `now` must not go back."""
        if self._at is not None:
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        self._left -= 1.0
        return max(0.0, -self._left / self._rate)
