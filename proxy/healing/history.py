"""What one endpoint did in each of the last 60 seconds: a ring of counts, five numbers a second."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

SECONDS = 60
COLUMNS = 5
"""Attempts that are over, and of them those that failed, by class."""
WINDOWS = (5, 10, 20, 30, 60)
"""Seconds that are judged, the shortest that holds enough."""


class History:
    """Sixty buckets of a second each; 1.2 KB."""

    __slots__ = ("_counts", "_second")

    def __init__(self) -> None:
        self._counts = array("I", bytes(4 * SECONDS * COLUMNS))
        self._second = 0

    def add(self, second: int, counts: Sequence[int]) -> None:
        """Count what was over in this second, which is never an earlier one than before."""
        self._turn(second)
        at = second % SECONDS
        for column, n in enumerate(counts):
            if n:
                self._counts[column * SECONDS + at] += n

    def sums(self, second: int, seconds: int) -> tuple[int, ...]:
        """The numbers of the last so many seconds, up to and with this one."""
        self._turn(second)
        return tuple(self._sum(column, second, seconds) for column in range(COLUMNS))

    def shortest(self, second: int, enough: int) -> int:
        """The shortest window with so many attempts; the longest when none has."""
        self._turn(second)
        for seconds in WINDOWS:
            if self._sum(0, second, seconds) >= enough:
                return seconds
        return WINDOWS[-1]

    def clear(self) -> None:
        """Begin anew."""
        self._counts = array("I", bytes(4 * SECONDS * COLUMNS))

    def _sum(self, column: int, second: int, seconds: int) -> int:
        base, end = column * SECONDS, second % SECONDS + 1
        begin = end - seconds
        counts = self._counts
        if begin >= 0:
            return sum(counts[base + begin : base + end])
        tail = counts[base + SECONDS + begin : base + SECONDS]
        return sum(tail) + sum(counts[base : base + end])

    def _turn(self, second: int) -> None:
        """Empty the buckets of the seconds in which nothing was said."""
        passed = min(SECONDS, second - self._second)
        if passed <= 0:
            return
        counts = self._counts
        for one in range(second - passed + 1, second + 1):
            at = one % SECONDS
            for column in range(COLUMNS):
                counts[column * SECONDS + at] = 0
        self._second = second
