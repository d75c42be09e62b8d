"""Is a difference chance? Tests that know that requests of one moment fare alike.

A pause, or a machine that is busy elsewhere, makes all requests of a moment slow: a thousand of
them then say no more than a few. How alike requests of the same ten seconds fare is read from where
nothing was changed, and each side counts as if it had so many fewer (Kish's design effect). And
what ten seconds of a wave have brought nearly alone is no verdict: the next ten will tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

from meshconsole.rollouts.facts import Part, Side, Traffic
from meshconsole.telemetry.histogram import quantile, share_above

Z_LIMIT = 2.326
"""One-sided p < 0.01."""
PARTS_LEAST = 3
"""Of ten seconds, before they say how alike their requests fare."""
REST_LEAST = 0.25
"""Of a wave's requests have to be outside of its worst ten seconds, before those are told apart."""
Doubt = Literal["", "chance", "burst"]


def error_variance(traffic: Traffic) -> float:
    """Of the difference of error ratios, as if each failed by itself.

    Errors of a bad moment in the past must not excuse those of this change, so they count in full.
    """
    return sum(_variance(side) for side in sides_of(traffic))


def tail_doubt(traffic: Traffic, q: float, limit: float) -> Doubt:
    """Why more requests than the share 1 - `q` seem to be slower than `limit` seconds, if not
    because of the change: by chance, or in one burst. Empty when it is real."""
    tied = togetherness(
        unchanged(traffic), lambda part, side: _slow(part, quantile(side.latency, q) or 0.0)
    )
    now = traffic.cohort_now
    total = sum(now.latency)
    spread = math.sqrt(
        q
        * (1 - q)
        * sum(
            _effect(side, tied, sum(side.latency)) / sum(side.latency) for side in sides_of(traffic)
        )
    )
    least = (1 - q) + Z_LIMIT * spread
    if share_above(now.latency, limit) <= least:
        return "chance"
    if not now.parts:
        return ""
    counted = [_slow(part, limit) for part in now.parts]
    worst = max(counted)
    rest = total - worst[1]
    if rest < REST_LEAST * total:
        return "burst"
    return "" if (sum(x for x, _ in counted) - worst[0]) / rest > least else "burst"


def togetherness(sides: Iterable[Side], count: Callable[[Part, Side], tuple[float, int]]) -> float:
    """How alike requests of the same ten seconds fare, 0 (each by itself) to 1 (all the same).

    `count` gives those that fare badly in a part, and all of it. It is the intraclass correlation
    that explains how much more the parts of each side differ than chance would have them, over all
    sides by their degrees of freedom.
    """
    excess = weight = 0.0
    for side in sides:
        parts = [one for one in (count(part, side) for part in side.parts) if one[1]]
        bad, total = sum(x for x, _ in parts), sum(n for _, n in parts)
        if len(parts) < PARTS_LEAST or not 0 < bad < total:
            continue
        share, free = bad / total, len(parts) - 1
        spread = sum((x - n * share) ** 2 / (n * share * (1 - share)) for x, n in parts)
        excess += spread - free
        weight += free * (total / len(parts) - 1)
    return min(1.0, max(0.0, excess / weight)) if weight > 0 else 0.0


def unchanged(traffic: Traffic) -> list[Side]:
    """Where nothing was changed: what comes in bursts because of the change excuses nothing."""
    sides = (traffic.cohort_before, traffic.control_before, traffic.control_now)
    return [side for side in sides if side is not None]


def sides_of(traffic: Traffic) -> list[Side]:
    """All that are compared."""
    sides = [traffic.cohort_before, traffic.cohort_now]
    if traffic.control_before is not None and traffic.control_now is not None:
        sides += [traffic.control_before, traffic.control_now]
    return sides


def _effect(side: Side, tied: float, total: int) -> float:
    """How many times larger the variance of a share is than that of as many requests apart."""
    return 1 + (total / max(1, len(side.parts)) - 1) * tied


def _slow(part: Part, seconds: float) -> tuple[float, int]:
    total = sum(part.latency)
    return share_above(part.latency, seconds) * total, total


def _variance(side: Side) -> float:
    """Of the error ratio, with one failure and one success more: none of either proves nothing."""
    share = (min(side.errors, side.requests) + 1) / (side.requests + 2)
    return share * (1 - share) / max(1, side.requests)
