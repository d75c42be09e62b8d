"""Is one endpoint worse than its peers, or do they all share a fault: arithmetic, nothing else.

An error rate of few requests says little, so what counts is the least that it is with 99.5 percent
confidence: the lower bound of Wilson's interval (Wilson, 1927). An endpoint is sick when that bound
is high, is well above the median of its peers, and is several times that median. A fault that all
share raises the median and so ejects nobody, however few endpoints there are. That is why a ratio
to the average cannot do it: in a pool of three, the sick one is a third of its own average.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import Literal, NamedTuple

from proxy.contract.reports import ErrorClass, Peers
from proxy.contract.snapshot import HealingTerms

Z = 2.58
"""Of the normal distribution: one judgement in two hundred of a healthy endpoint is above it."""
Z_SHORT = 3.89
"""Of what is shorter than the usual windows, and looked at more often: one in twenty thousand."""
JUDGED_AT = 5
"""Requests from which on an endpoint's rate counts beside its peers'."""
SHARED_MEDIAN = 0.10
"""A service whose median endpoint fails as often has a fault that they share."""
SHARED_LEAST = 3
"""So many endpoints have a median worth the name."""
FAST_PEERS_LIMIT = 0.20
"""Peers that fail more often take the fast path's word away."""
CLASSES: tuple[ErrorClass, ...] = ("connect", "timeout", "5xx", "protocol")
"""In the order of a history's columns after the first."""


class Reading(NamedTuple):
    """What an endpoint did in its window."""

    seconds: int
    n: int
    by_class: tuple[int, ...]
    errors: int
    rate: float
    lcb: float

    @property
    def is_judged(self) -> bool:
        """Did it have enough requests to be compared?"""
        return self.n >= JUDGED_AT

    def classes(self) -> dict[ErrorClass, int]:
        """Errors by class, those that happened."""
        return {name: n for name, n in zip(CLASSES, self.by_class, strict=True) if n}


def reading_of(seconds: int, sums: Sequence[int], z: float = Z) -> Reading:
    """The sums of a window as rate and bound."""
    n, *by_class = sums
    errors = min(n, sum(by_class))
    return Reading(
        seconds, n, tuple(by_class), errors, errors / n if n else 0.0, wilson(errors, n, z)
    )


def wilson(errors: int, n: int, z: float = Z) -> float:
    """The lower bound of Wilson's interval for a rate: between 0 and errors / n."""
    if not n or not errors:
        return 0.0
    rate, square = errors / n, z * z
    middle = rate + square / (2 * n)
    spread = z * sqrt((rate * (1 - rate) + square / (4 * n)) / n)
    return max(0.0, min(rate, (middle - spread) / (1 + square / n)))


def peers_of(others: Sequence[Reading]) -> Peers:
    """How those are doing that can be compared with."""
    judged = [one for one in others if one.is_judged]
    n = sum(one.n for one in judged)
    return Peers(
        count=len(judged),
        median=median(one.rate for one in judged) if judged else 0.0,
        pooled=sum(one.errors for one in judged) / n if n else 0.0,
    )


def is_sick(reading: Reading, middle: float, terms: HealingTerms) -> bool:
    """Is it so much worse than the median of its peers that this is no chance?"""
    return reading.n >= terms.min_requests and stands_out(reading.lcb, middle, terms)


def stands_out(lcb: float, middle: float, terms: HealingTerms) -> bool:
    """The same, whatever the number of its requests."""
    return (
        lcb >= terms.error_floor
        and lcb - middle >= terms.peer_lead
        and lcb >= terms.peer_ratio * middle
    )


def scope_of(
    readings: Sequence[Reading], out: int, terms: HealingTerms
) -> Literal["instance", "service"]:
    """Whose fault is it: of single endpoints, or of what they share? `out` endpoints are ejected:
    each of them was sick, and is asked nothing now."""
    judged = [one for one in readings if one.is_judged]
    bad = out + sum(one.lcb >= terms.error_floor for one in judged)
    known = out + len(judged)
    if known >= 2 and 2 * bad > known:
        return "service"
    if len(judged) >= SHARED_LEAST and median(one.rate for one in judged) >= SHARED_MEDIAN:
        return "service"
    return "instance"


def is_worth_telling(readings: Sequence[Reading], terms: HealingTerms) -> bool:
    """Is a fault that a service shares more than the chance of few requests?"""
    judged = [one for one in readings if one.is_judged]
    pooled = wilson(sum(one.errors for one in judged), sum(one.n for one in judged))
    return pooled >= terms.error_floor
