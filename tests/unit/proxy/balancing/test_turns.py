"""Weights laid out as a round."""

from __future__ import annotations

import pytest

from proxy.balancing.turns import TURNS_LIMIT, turns_of


@pytest.mark.parametrize(
    ("weights", "turns"),
    [
        ((100, 100), [1, 1]),
        ((300, 100), [3, 1]),
        ((100, 0), [1, 0]),
        ((0, 0), [0, 0]),
        ((1,), [1]),
        ((), []),
    ],
)
def test_turns_are_given_by_weight(weights: tuple[int, ...], turns: list[int]) -> None:
    given = turns_of(weights)
    assert [given.count(at) for at in range(len(weights))] == turns


def test_turns_are_spread_and_bounded() -> None:
    assert turns_of((2, 1))[1] == 1
    assert len(turns_of((99_991, 1))) <= TURNS_LIMIT + 1
