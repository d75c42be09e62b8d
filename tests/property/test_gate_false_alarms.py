"""How often the gate on latency turns back a change that did nothing, and one that slows down.

Rounds as the engine has them, over traffic that comes by itself and over traffic that has bursts in
which a tenth of all requests are slow, on either side alike. Seeds are fixed: the counts are too.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist

import msgspec
import pytest

from meshconsole.rollouts.differences import traffic_findings
from meshconsole.rollouts.facts import Part, Side, Traffic
from proxy.contract.reports import LATENCY_BOUNDS_SECONDS, LATENCY_BUCKETS

TRIALS = 60


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What a wave runs in: `tens` are of ten seconds."""

    rate: int
    """Requests per second of the cohort; the control group has five times as many."""
    tens_before: int
    tens_in_round: int
    rounds: int
    least: int
    burst_share: float = 0.0
    """Of the tens, in which a tenth of the requests waits for `burst_seconds` more."""
    burst_seconds: float = 0.03


SOAK = World(rate=20, tens_before=30, tens_in_round=3, rounds=6, least=500)
SHORT = World(rate=17, tens_before=6, tens_in_round=1, rounds=3, least=40)
BURSTS = [
    pytest.param(msgspec.structs.replace(SOAK, burst_share=0.1, burst_seconds=0.05), id="soak"),
    pytest.param(msgspec.structs.replace(SHORT, burst_share=0.15), id="short"),
]


def weights(more_seconds: float) -> list[float]:
    """Of the buckets, for answers of some 5 ms with a tail, that take so much longer."""
    curve = NormalDist(mu=-5.3, sigma=0.6)
    below = [
        0.0 if bound <= more_seconds else curve.cdf(math.log(bound - more_seconds))
        for bound in LATENCY_BOUNDS_SECONDS
    ]
    return [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]


class Traffics:
    """Makes tens of traffic."""

    def __init__(self, seed: int, world: World) -> None:
        self._random = random.Random(seed)
        self._world = world
        self._usual = list(accumulate(weights(0.0)))
        self._burst = list(accumulate(weights(world.burst_seconds)))

    def tens(self, count: int, rate: int, *, slower: Sequence[float] | None = None) -> list[Part]:
        """So many tens; `slower` are other weights than the usual ones."""
        usual = list(accumulate(slower)) if slower is not None else self._usual
        return [self._ten(10 * rate, usual) for _ in range(count)]

    def _ten(self, requests: int, usual: list[float]) -> Part:
        late = requests // 10 if self._random.random() < self._world.burst_share else 0
        buckets = range(LATENCY_BUCKETS)
        drawn = self._random.choices(buckets, cum_weights=usual, k=requests - late)
        drawn += self._random.choices(buckets, cum_weights=self._burst, k=late)
        counted = Counter(drawn)
        return Part(requests, 0, tuple(counted[bucket] for bucket in buckets))


def side(parts: list[Part]) -> Side:
    latency = tuple(map(sum, zip(*(part.latency for part in parts), strict=True)))
    return Side(requests=sum(latency), latency=latency, parts=tuple(parts))


def turned_back(seed: int, world: World, slower: Sequence[float] | None = None) -> bool:
    """Does a metric of latency fail in two rounds in a row?"""
    traffic = Traffics(seed, world)
    before = traffic.tens(world.tens_before, world.rate)
    untouched = traffic.tens(world.tens_before, 5 * world.rate)
    now: list[Part] = []
    meanwhile: list[Part] = []
    failed: set[str] = set()
    for _ in range(world.rounds):
        now += traffic.tens(world.tens_in_round, world.rate, slower=slower)
        meanwhile += traffic.tens(world.tens_in_round, 5 * world.rate)
        found = traffic_findings(
            Traffic(
                cohort_before=side(before), cohort_now=side(now),
                control_before=side(untouched), control_now=side(meanwhile),
            ),
            world.least,
        )  # fmt: skip
        again = {one.metric for one in found if one.verdict == "fail"}
        if again & failed:
            return True
        failed = again
    return False


@pytest.mark.parametrize("world", [SOAK, SHORT], ids=["soak", "short"])
def test_requests_that_come_by_themselves_turn_nothing_back(world: World) -> None:
    assert sum(turned_back(seed, world) for seed in range(TRIALS)) == 0


@pytest.mark.parametrize("world", BURSTS)
def test_bursts_turn_next_to_nothing_back(world: World) -> None:
    assert sum(turned_back(seed, world) for seed in range(TRIALS)) <= TRIALS // 20


@pytest.mark.parametrize("world", BURSTS)
def test_twenty_milliseconds_more_are_seen_through_the_bursts(world: World) -> None:
    slower = weights(0.02)
    assert all(turned_back(seed, world, slower) for seed in range(TRIALS // 3))
