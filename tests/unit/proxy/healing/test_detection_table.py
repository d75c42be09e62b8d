"""What each rule finds and what it takes for a fault that is none, drawn thousands of times.

Pools of ten unless said otherwise, peers with one error in a hundred. The figures are promised, and
held within a fifth; where nothing may be found, nothing is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from statistics import median

import pytest

from proxy.contract.snapshot import HealingTerms
from proxy.healing.judgement import Reading, is_sick, reading_of, scope_of
from tests.unit.proxy.healing.plays import Play

TRIALS = 1500
TERMS = HealingTerms(name="s")
HEALTHY = 0.01
Outcome = list[bool]
"""Of each request: did it fail?"""
Rule = Callable[[Sequence[Outcome]], bool]
"""Is the first endpoint found?"""


def ratio(pool: Sequence[Outcome]) -> bool:
    """Five times the average, which it is part of: MOSN's and SOFARPC's rule."""
    rates = [sum(one) / len(one) for one in pool]
    return rates[0] > 0 and rates[0] >= 5 * sum(rates) / len(rates)


def consecutive(pool: Sequence[Outcome]) -> bool:
    """Five failures in a row: Envoy's default."""
    run = 0
    for failed in pool[0]:
        run = run + 1 if failed else 0
        if run == 5:
            return True
    return False


def ours(pool: Sequence[Outcome]) -> bool:
    """The slow path, and the scope before it."""
    readings = [_reading(one) for one in pool]
    if scope_of(readings, 0, TERMS) == "service":
        return False
    return is_sick(readings[0], median(one.rate for one in readings[1:]), TERMS)


def _reading(one: Outcome) -> Reading:
    return reading_of(10, (len(one), 0, 0, sum(one), 0))


def drawn(rates: Sequence[float], n: int, chance: random.Random) -> list[Outcome]:
    return [[chance.random() < rate for _ in range(n)] for rate in rates]


def share_found(rule: Rule, rates: Sequence[float], n: int) -> float:
    chance = random.Random(7)
    return sum(rule(drawn(rates, n, chance)) for _ in range(TRIALS)) / TRIALS


def one_at(rate: float, n: int = 10) -> list[float]:
    return [rate, *[HEALTHY] * (n - 1)]


CASES: dict[str, tuple[list[float], int, dict[Rule, float]]] = {
    "1 dead of 3": (one_at(1.0, 3), 50, {ratio: 0, consecutive: 1, ours: 1}),
    "3 dead of 10": ([1.0] * 3 + [HEALTHY] * 7, 50, {ratio: 0, consecutive: 1, ours: 1}),
    "1 at 50%, n=50": (one_at(0.5), 50, {ratio: 1, consecutive: 0.56, ours: 1}),
    "1 at 50%, n=20": (one_at(0.5), 20, {ratio: 1, consecutive: 0.24, ours: 0.98}),
    "1 at 20%, n=100": (one_at(0.2), 100, {ratio: 0.99, consecutive: 0.02, ours: 0.56}),
    "all at 50%": ([0.5] * 10, 50, {ratio: 0, consecutive: 0.56, ours: 0}),
    "all dead": ([1.0] * 10, 50, {ratio: 0, consecutive: 1, ours: 0}),
    "healthy": ([HEALTHY] * 10, 20, {ratio: 0.088, consecutive: 0, ours: 0}),
}


@pytest.mark.parametrize("name", CASES)
def test_one_window_finds_what_is_promised(name: str) -> None:
    rates, n, promised = CASES[name]
    for rule, wanted in promised.items():
        found = share_found(rule, rates, n)
        assert abs(found - wanted) <= max(0.2 * wanted, 0.01), (rule.__name__, found)
        if wanted == 0:
            assert found == 0 or rule is consecutive


def played(rates: Sequence[float], seconds: int, n: int, seed: int, error: str) -> Play:
    """The whole rule on requests in turn, `n` for each endpoint and second."""
    chance = random.Random(seed)
    play = Play(len(rates))
    for _ in range(seconds):
        for _ in range(n):
            for at, rate in enumerate(rates, 1):
                if f"s{at}" in play.out:
                    continue
                if chance.random() < rate:
                    play.fail(f"s{at}", 1, "connect" if error == "connect" else "5xx")
                else:
                    play.answer(f"s{at}")
        play.tick()
    return play


FEW = "1 of 10 dead, few requests"
"""Few answers are judged by nobody: only who cannot be reached is."""
WHOLE = {
    "1 of 2 dead": ([1.0, 0.0], 20, 1),
    "1 of 3 dead": ([1.0, 0.0, 0.0], 20, 1),
    "2 of 3 dead": ([1.0, 1.0, 0.0], 20, 0),
    "3 of 10 dead": ([1.0] * 3 + [HEALTHY] * 7, 20, 3),
    "4 of 10 dead": ([1.0] * 4 + [HEALTHY] * 6, 20, 3),
    FEW: (one_at(1.0), 2, 1),
    "all dead": ([1.0] * 10, 20, 0),
    "all at 50%": ([0.5] * 10, 20, 0),
    "healthy": ([HEALTHY] * 10, 20, 0),
}


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (name, error)
        for name in WHOLE
        for error in ("connect", "5xx")
        if (name, error) != (FEW, "5xx")
    ],
)
def test_the_whole_rule_ejects_as_many_as_it_should_and_no_other(name: str, error: str) -> None:
    rates, n, wanted = WHOLE[name]
    for seed in range(25):
        play = played(rates, 5, n, seed, error)
        sick = [f"s{at}" for at, rate in enumerate(rates, 1) if rate > 2 * HEALTHY]
        assert len(play.out) == wanted, seed
        assert set(play.out) <= set(sick)


@pytest.mark.parametrize("name", ["2 of 3 dead", "all dead", "all at 50%"])
def test_what_a_service_shares_is_told_of_as_such(name: str) -> None:
    rates, n, _ = WHOLE[name]
    for seed in range(10):
        play = Play(len(rates))
        chance = random.Random(seed)
        scopes = set()
        for _ in range(5):
            for at, rate in enumerate(rates, 1):
                for _ in range(n):
                    if chance.random() < rate:
                        play.fail(f"s{at}", 1, "5xx")
                    else:
                        play.answer(f"s{at}")
            scopes |= {one.scope for one in play.tick()}
        assert scopes == {"service"}
