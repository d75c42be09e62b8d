"""When to try again: full jitter under a ceiling that doubles, so that a herd spreads itself."""

from __future__ import annotations

from random import Random

FLOOR_SECONDS = 0.5
CEILING_SECONDS = 30.0


class Backoff:
    """Pauses between attempts to reach the console."""

    def __init__(self, random: Random | None = None) -> None:
        self._random = random or Random()  # noqa: S311 - spreads load, guards nothing
        self._ceiling = FLOOR_SECONDS

    def reset(self) -> None:
        """The last attempt went well: begin from the floor again."""
        self._ceiling = FLOOR_SECONDS

    def pause(self, asked_seconds: float = 0.0) -> float:
        """Seconds to wait: what the console asked for at least, and jitter on top."""
        jitter = self._random.uniform(0.0, self._ceiling)
        self._ceiling = min(CEILING_SECONDS, self._ceiling * 2)
        return max(0.0, asked_seconds) + jitter
