"""Turns laid out by weight: the round that round robin walks and least request draws from."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

TURNS_LIMIT = 1000
"""Turns in one round; finer weights are rounded."""


def turns_of(weights: Sequence[int]) -> list[int]:
    """Whose turn it is, as positions in `weights`: each as often as its weight says.

    They are spread evenly: the k-th turn of a member of weight w stands at (k + 1/2) / w of the
    round. Weight 0 never comes.
    """
    total = sum(weights)
    if total == 0:
        return []
    divisor = gcd(*weights)
    shrink = max(1.0, total / divisor / TURNS_LIMIT)
    turns = []
    for at, weight in enumerate(weights):
        n = max(1, round(weight / divisor / shrink)) if weight else 0
        turns += [((k + 0.5) / n, at) for k in range(n)]
    return [at for _, at in sorted(turns)]
