"""The load is repeatable, and of every kind."""

from __future__ import annotations

from collections import Counter

import pytest

from meshconsole.demo.load.mix import Mix


def test_the_same_seed_gives_the_same_requests() -> None:
    one, two = Mix(7), Mix(7)
    assert [one.next() for _ in range(50)] == [two.next() for _ in range(50)]


def test_every_kind_of_request_comes() -> None:
    mix = Mix(1)
    kinds = Counter(mix.next().path.split("?")[0] for _ in range(2000))
    assert set(kinds) == {"/browse", "/checkout", "/transfer"}
    assert kinds["/browse"] > kinds["/checkout"] > kinds["/transfer"] > 100


def test_gaps_average_to_the_rate() -> None:
    mix = Mix(1)
    gaps = [mix.gap_seconds(50.0) for _ in range(5000)]
    assert sum(gaps) / len(gaps) == pytest.approx(1 / 50, rel=0.1)
