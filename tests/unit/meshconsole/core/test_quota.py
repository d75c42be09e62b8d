"""A bucket allows a burst and then a rate."""

from __future__ import annotations

from meshconsole.core.quota import Bucket, Quotas


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


def test_each_identity_has_a_bucket_and_is_told_how_long_to_wait() -> None:
    quotas = Quotas(rate=2.0, burst=2.0, limit=2)
    assert quotas.take("a", 0.0, 2.0) == 0.0
    assert quotas.take("a", 0.0) == 0.5
    assert quotas.take("b", 0.0) == 0.0
    assert quotas.take("a", 0.5) == 0.0


def test_who_has_not_been_here_for_longest_is_forgotten() -> None:
    quotas = Quotas(rate=0.001, burst=1.0, limit=2)
    for name in ("a", "b", "a", "c"):
        quotas.take(name, 0.0)
    assert quotas.take("a", 0.0) > 0
    assert quotas.take("b", 0.0) == 0.0
