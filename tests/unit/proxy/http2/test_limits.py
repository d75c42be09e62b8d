"""What a peer may do too often, and how it earns more."""

from __future__ import annotations

from proxy.http2.limits import CONTROLS, PER_STREAM, RESETS, RESETS_PER_SECOND, Allowance, Conduct


def test_an_allowance_is_spent_and_fills_with_time() -> None:
    allowance = Allowance(2, 1.0)
    assert [allowance.spend(1.0) for _ in range(3)] == [True, True, False]
    assert allowance.spend(10.0)


def test_an_allowance_never_fills_over_its_bound() -> None:
    allowance = Allowance(2, 1.0)
    allowance.earn(100)
    allowance.spend(1.0)
    assert [allowance.spend(1e6) for _ in range(3)] == [True, True, False]


def test_who_only_cancels_is_gone_and_who_cancels_half_is_not() -> None:
    only = Conduct()
    spent = 0
    while only.resets.spend(1.0):
        spent += 1
    assert spent == RESETS
    half = Conduct()
    for _ in range(RESETS * 10):
        assert half.resets.spend(1.0)
        half.answered()
    assert RESETS_PER_SECOND < RESETS


def test_frames_that_carry_nothing_are_paid_for_by_streams() -> None:
    conduct = Conduct()
    for _ in range(CONTROLS * 2):
        conduct.opened()
        assert all(conduct.controls.spend(1.0) for _ in range(PER_STREAM))
