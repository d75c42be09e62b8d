"""Every change of the drill is one: no split follows itself."""

from __future__ import annotations

from itertools import pairwise

from meshconsole.drill.weights import LAST_SPLIT, SCALE, SPLITS


def test_no_split_is_put_in_force_twice_in_a_row() -> None:
    changes = [SPLITS[number % len(SPLITS)] for number in range(1, SCALE.changes)]
    assert all(first != second for first, second in pairwise([*changes, LAST_SPLIT]))


def test_every_split_is_whole() -> None:
    assert all(sum(split) == 100 for split in (*SPLITS, LAST_SPLIT))
