"""How many endpoints may be out at once, and for how long: caps and times."""

from __future__ import annotations

from math import ceil, floor

from proxy.contract.snapshot import HealingTerms

JITTER = 0.2
"""Callers that ejected together do not come back together."""
WELL_SECONDS = 300.0
"""After each so many in health, one ejection is forgotten."""


def most_out(n: int, terms: HealingTerms) -> int:
    """How many of n endpoints may be out at once: a third or one, half stay, the only one never."""
    by_share = max(1, floor(terms.max_out_share * n))
    return max(0, min(by_share, n - ceil(terms.min_left_share * n)))


def seconds_out(times: int, terms: HealingTerms, draw: float) -> float:
    """How long the ejection number `times` in a row takes; `draw` is from 0 to 1."""
    doubled = terms.base_seconds * 2.0 ** min(times - 1, 16)
    return min(terms.max_seconds, doubled) * (1 + JITTER * (2 * draw - 1))


def times_left(times: int, well_seconds: float) -> int:
    """How many ejections are remembered after so many seconds in health."""
    return max(0, times - int(well_seconds / WELL_SECONDS))
