"""Latency in buckets: adding histograms up, and reading quantiles out of them."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.contract.reports import LATENCY_BOUNDS_SECONDS, LATENCY_BUCKETS


def empty() -> list[int]:
    """A histogram of nothing, in the buckets of the contract."""
    return [0] * LATENCY_BUCKETS


def merge(into: list[int], counts: Sequence[int]) -> None:
    """Add `counts` to `into`; an empty sequence adds nothing."""
    if counts:
        into[:] = [a + b for a, b in zip(into, counts, strict=True)]


def quantile(counts: Sequence[int], q: float) -> float | None:
    """Seconds under which the share `q` (0 to 1) of the answers came; None without answers.

    Linear inside a bucket, as Prometheus' histogram_quantile; what is slower than the last bound
    is told as that bound, since nothing more is known of it.
    """
    total = sum(counts)
    if total <= 0:
        return None
    rank = q * total
    below = 0
    lower = 0.0
    for upper, count in zip(LATENCY_BOUNDS_SECONDS, counts, strict=False):
        if count and below + count >= rank:
            return lower + (upper - lower) * max(0.0, rank - below) / count
        below += count
        lower = upper
    return LATENCY_BOUNDS_SECONDS[-1]


def share_above(counts: Sequence[int], seconds: float) -> float:
    """Share of the answers that took longer than `seconds`, 0 to 1; linear inside a bucket."""
    total = sum(counts)
    if total <= 0:
        return 0.0
    lower, above = 0.0, float(total)
    for upper, count in zip(LATENCY_BOUNDS_SECONDS, counts, strict=False):
        if seconds < upper:
            return (above - count * max(0.0, seconds - lower) / (upper - lower)) / total
        above -= count
        lower = upper
    return above / total
