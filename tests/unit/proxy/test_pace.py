"""A burst, and then one by one."""

from __future__ import annotations

from proxy.pace import Pace


def test_a_burst_is_free_and_what_follows_waits_its_turn() -> None:
    pace = Pace(rate=4.0, burst=3)
    assert [pace.take(10.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.25, 0.5]


def test_rest_fills_the_burst_again_and_no_further() -> None:
    pace = Pace(rate=4.0, burst=3)
    for _ in range(3):
        pace.take(0.0)
    assert [pace.take(1000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.25]
