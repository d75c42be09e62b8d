"""A bucket allows a burst and then a rate."""

from __future__ import annotations

from meshconsole.core.quota import Bucket


def test_a_burst_is_allowed_and_then_a_rate() -> None:
    bucket = Bucket(rate=2.0, burst=3.0, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(0.5)
    assert not bucket.take(0.5)


def test_a_long_pause_brings_no_more_than_a_burst() -> None:
    bucket = Bucket(rate=2.0, burst=3.0, now=0.0)
    assert [bucket.take(1000.0) for _ in range(4)].count(True) == 3


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(rate=2.0, burst=1.0, now=100.0)
    assert bucket.take(100.0)
    assert not bucket.take(50.0)
