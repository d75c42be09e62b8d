"""Pauses spread a herd, grow to half a minute, and never undercut what the console asked for."""

from __future__ import annotations

from random import Random

from proxy.backoff import Backoff


class Highest(Random):
    """Always the most."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_ceiling_doubles_from_half_a_second_to_thirty() -> None:
    backoff = Backoff(Highest())
    assert [backoff.pause() for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.pause() == 0.5


def test_it_is_full_jitter() -> None:
    backoffs = [Backoff(Random(seed)) for seed in range(2000)]
    pauses: list[float] = []
    for _ in range(6):
        pauses = [backoff.pause() for backoff in backoffs]
    assert min(pauses) < 0.2
    assert max(pauses) > 15.8
    assert abs(sum(pauses) / len(pauses) - 8) < 0.5


def test_what_the_console_asked_for_is_the_least() -> None:
    assert Backoff(Highest()).pause(4.0) == 4.5
    assert Backoff(Random(1)).pause(4.0) >= 4.0
    assert Backoff(Highest()).pause(-3.0) == 0.5
