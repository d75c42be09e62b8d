"""How the first bytes of an input say where the rest of it is cut."""

from __future__ import annotations

from itertools import pairwise

CUTS_LIMIT = 6


def cut(data: bytes) -> tuple[int, bytes, list[bytes]]:
    """Read a choice and some places from the first bytes; the rest, whole and in these parts."""
    if not data:
        return 0, b"", []
    choice, count = data[0], data[0] % CUTS_LIMIT
    places, rest = data[1 : 1 + 2 * count], data[1 + 2 * count :]
    numbers = [places[n] * 256 + places[n + 1] for n in range(0, len(places) - 1, 2)]
    at = {number % (len(rest) + 1) for number in numbers}
    return choice, rest, [rest[a:b] for a, b in pairwise(sorted(at | {0, len(rest)}))]
