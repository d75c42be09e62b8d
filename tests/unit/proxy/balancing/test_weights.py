"""How much a member counts: new ones less, those of other units only when they are needed."""

from __future__ import annotations

import pytest

from proxy.balancing.weights import (
    FIRST_STEP,
    STEPS,
    Standing,
    local_steps,
    preferring_own_unit,
    step_of,
    warmed,
)


def _one(
    weight: int = 100, *, new_since: float = 0.0, local: bool = True, resting: bool = False
) -> Standing:
    return Standing(weight, new_since, local, resting)


@pytest.mark.parametrize(
    ("passed", "share"), [(0, 0.1), (1, 0.1), (3, 0.1), (6, 0.2), (15, 0.5), (29.9, 0.95), (30, 1)]
)
def test_a_new_member_grows_from_a_tenth_to_the_whole(passed: float, share: float) -> None:
    assert step_of(1000.0, 1000.0 + passed, 30.0) / STEPS == share


def test_who_was_there_from_the_first_counts_in_full_and_so_does_everybody_without_a_window() -> (
    None
):
    assert step_of(0.0, 5.0, 30.0) == STEPS
    assert step_of(5.0, 5.0, 0.0) == STEPS
    assert warmed([_one(7, new_since=5.0)], 5.0, 0.0) == (7,)


def test_all_new_is_no_ramp() -> None:
    new = [_one(100, new_since=9.0), _one(50, new_since=9.0)]
    heavy, light = warmed(new, 9.0, 30.0)
    assert heavy == 2 * light > 0


def test_a_clock_that_went_back_leaves_a_member_at_its_first_step() -> None:
    assert step_of(1000.0, 0.0, 30.0) == FIRST_STEP


@pytest.mark.parametrize(
    ("standings", "steps"),
    [
        ([_one(), _one(local=False)], STEPS),
        ([_one(), _one(), _one(), _one(resting=True), _one(local=False)], STEPS),
        ([_one(), _one(resting=True), _one(local=False)], 14),
        ([_one(), _one(0), _one(0), _one(0), _one(local=False)], 7),
        ([_one(0), _one(local=False)], 0),
        ([_one(resting=True), _one(local=False)], 0),
        ([_one(resting=True), _one(local=False, resting=True)], STEPS),
        ([_one(resting=True), _one(0, local=False)], STEPS),
        ([_one(local=False)], 0),
        ([], 0),
    ],
)
def test_the_own_unit_keeps_what_it_can_carry(standings: list[Standing], steps: int) -> None:
    assert local_steps(standings) == steps


def test_what_spills_over_is_shared_by_weight() -> None:
    standings = [_one(100), _one(300), _one(100, local=False), _one(100, local=False)]
    shares = preferring_own_unit([100, 300, 100, 100], standings, 10)
    total = sum(shares)
    assert [share / total for share in shares] == [0.125, 0.375, 0.25, 0.25]
    assert preferring_own_unit([100, 300, 100, 100], standings, STEPS)[2:] == (0, 0)
    assert preferring_own_unit([100, 300, 100, 100], standings, 0)[:2] == (0, 0)


def test_a_unit_alone_keeps_its_weights() -> None:
    assert preferring_own_unit([100, 300], [_one(), _one(300)], 0) == (100, 300)
    assert preferring_own_unit([0, 300], [_one(0), _one(300, local=False)], STEPS) == (0, 300)
