"""Which reports of a sidecar were taken already: few intervals instead of every number."""

from __future__ import annotations

from bisect import bisect_right

INTERVALS_KEPT = 32
"""Gaps come from reports that a sidecar dropped; the lowest are closed when there are more, so a
report that turns up after that many gaps is held to be a duplicate."""


class Seen:
    """Sequence numbers of one boot of a sidecar, in any order, each taken once."""

    __slots__ = ("_intervals",)

    def __init__(self, intervals: list[tuple[int, int]] | None = None) -> None:
        self._intervals = intervals or []

    def add(self, seq: int) -> bool:
        """Take a number; False when it was taken before."""
        intervals = self._intervals
        if intervals and seq == intervals[-1][1] + 1:
            intervals[-1] = (intervals[-1][0], seq)
            return True
        at = bisect_right(intervals, seq, key=_low) - 1
        low, high = seq, seq
        if at >= 0 and seq <= intervals[at][1]:
            return False
        if at + 1 < len(intervals) and intervals[at + 1][0] == seq + 1:
            high = intervals.pop(at + 1)[1]
        if at >= 0 and intervals[at][1] == seq - 1:
            low = intervals.pop(at)[0]
            at -= 1
        intervals.insert(at + 1, (low, high))
        if len(intervals) > INTERVALS_KEPT:
            intervals[:2] = [(intervals[0][0], intervals[1][1])]
        return True

    def join(self, other: Seen) -> None:
        """Take everything that another memory of the same boot has taken."""
        joined: list[tuple[int, int]] = []
        for low, high in sorted(self._intervals + other._intervals):
            if joined and low <= joined[-1][1] + 1:
                joined[-1] = (joined[-1][0], max(joined[-1][1], high))
            else:
                joined.append((low, high))
        while len(joined) > INTERVALS_KEPT:
            joined[:2] = [(joined[0][0], joined[1][1])]
        self._intervals = joined

    def encode(self) -> str:
        """As text, such as `1-512,515-515`."""
        return ",".join(f"{low}-{high}" for low, high in self._intervals)

    @classmethod
    def decode(cls, text: str) -> Seen:
        """Read what `encode` wrote; what cannot be read counts as nothing seen."""
        try:
            pairs = [part.split("-") for part in text.split(",") if part]
            return cls(sorted((int(low), int(high)) for low, high in pairs))
        except ValueError:
            return cls()


def _low(interval: tuple[int, int]) -> int:
    return interval[0]
