"""A ring of hashes: who goes takes only its own keys along, who comes takes only what it gets.

Each member has points on a circle of 64 bits, as many as its weight says, at places that depend on
its id alone; a key belongs to the next point (Karger et al., 1997; the points are ketama's idea).
Points are bounded: their number per member is halved as members double beyond 64. Only there, and
where the greatest weight passes a power of two, do keys move that need not.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b

POINTS = 256
"""Of a member whose weight is a power of two and the greatest; of weight 100 some 200."""
MEMBERS_IN_FULL = 64
_PER_HASH = 8
"""Points that one hash of 64 bytes gives."""


class Ring:
    """Members by position; `walk` gives them in the order a key prefers them."""

    __slots__ = ("_owners", "_points")

    def __init__(self, ids: Sequence[str], weights: Sequence[int]) -> None:
        points = sorted(
            (point, at)
            for at, (name, n) in enumerate(zip(ids, points_of(weights), strict=True))
            for point in _points(name, n)
        )
        self._points = array("Q", (point for point, _ in points))
        self._owners = array("I", (at for _, at in points))

    def __len__(self) -> int:
        return len(self._points)

    def walk(self, place: int) -> Iterator[int]:
        """Positions from a key's place onward, some of them again and again; once around."""
        owners = self._owners
        begin = bisect_left(self._points, place)
        for at in range(begin - len(owners), begin):
            yield owners[at]


def points_of(weights: Sequence[int]) -> list[int]:
    """How many points each member has: in proportion to its weight, and never because another came
    or went, but where a power of two is passed."""
    heaviest = max(weights, default=0)
    if heaviest == 0:
        return [0] * len(weights)
    unit = 1 << (heaviest - 1).bit_length()
    crowd = max(0, (len(weights) - 1).bit_length() - (MEMBERS_IN_FULL - 1).bit_length())
    return [max(1, round(POINTS * w / unit) >> crowd) if w else 0 for w in weights]


def _points(name: str, n: int) -> Iterator[int]:
    for part in range(0, n, _PER_HASH):
        digest = blake2b(b"%d\0%b" % (part, name.encode())).digest()
        for k in range(min(_PER_HASH, n - part)):
            yield int.from_bytes(digest[8 * k : 8 * k + 8], "big")
