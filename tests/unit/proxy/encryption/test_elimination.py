"""Connections of an old generation end one after another, politely, and late ones are cut."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings, strategies as st

from proxy.encryption.elimination import (
    AGE_SECONDS,
    GRACE_SECONDS,
    HARD_SECONDS,
    SHARE,
    SHARE_SECONDS,
    Pace,
    Verdict,
    age_of,
    next_to_go,
    verdict,
)


class One:
    def __init__(self, under_way: int, idle_since: float) -> None:
        self.under_way = under_way
        self.idle_since = idle_since


def fate(now: float, *, idle_since: float = 0.0, busy: int = 0, endless: bool = False) -> Verdict:
    return verdict(
        now=now, drains_since=100.0, idle_since=idle_since, under_way=busy, endless=endless
    )


def test_an_idle_one_has_a_moment_for_late_frames_from_its_last_request_on() -> None:
    assert fate(100.0) == "wait"
    assert fate(100.0 + GRACE_SECONDS) == "close"
    assert fate(101.0 + GRACE_SECONDS, idle_since=101.5) == "wait"
    assert fate(101.5 + GRACE_SECONDS, idle_since=101.5) == "close"


def test_a_busy_one_is_waited_for_and_cut_in_the_end() -> None:
    assert fate(100.0 + HARD_SECONDS - 0.1, busy=1) == "wait"
    assert fate(100.0 + HARD_SECONDS, busy=1) == "cut"


def test_what_has_no_boundary_lives_on() -> None:
    assert fate(100.0 + 100 * HARD_SECONDS, busy=1, endless=True) == "wait"


def test_whoever_is_idle_for_longest_goes_first_and_the_busiest_last() -> None:
    busy, idle, cold = One(2, 0.0), One(0, 50.0), One(0, 10.0)
    assert next_to_go([busy, idle, cold]) is cold
    assert next_to_go([busy, idle]) is idle
    assert next_to_go([busy, One(1, 90.0)]) is not busy
    assert next_to_go([]) is None


def test_a_connection_is_not_used_up_to_the_end_of_its_certificate() -> None:
    random = Random(1)
    ages = [age_of(24 * 3600, random) for _ in range(200)]
    assert 0.9 * AGE_SECONDS <= min(ages) < max(ages) <= 1.1 * AGE_SECONDS
    assert all(age_of(3600, random) <= 1.1 * 3000 for _ in range(50))
    assert 0 < age_of(60, random) <= 33
    assert age_of(-5, random) == 0.0


@settings(deadline=None)
@given(st.integers(1, 400), st.floats(0.05, 0.5))
def test_no_more_than_a_quarter_is_replaced_in_any_five_seconds(opened: int, tick: float) -> None:
    pace, now, times = Pace(), 1000.0, list[float]()
    while now < 1030.0:
        if pace.may(now, opened):
            times.append(now)
        now += tick
    most = max(1, -(-opened * SHARE // 1))
    for at in times:
        assert sum(at <= other < at + SHARE_SECONDS - 0.001 for other in times) <= most
