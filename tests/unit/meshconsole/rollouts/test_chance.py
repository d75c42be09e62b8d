"""Requests of one moment fare alike: what that makes of a test, in worked examples."""

from __future__ import annotations

import pytest

from meshconsole.rollouts.chance import tail_doubt, togetherness
from meshconsole.rollouts.differences import traffic_findings
from meshconsole.rollouts.facts import Part, Side, Traffic
from proxy.contract.reports import LATENCY_BUCKETS


def a_part(slow: int = 0, requests: int = 200, errors: int = 0) -> Part:
    counts = [0] * LATENCY_BUCKETS
    counts[2], counts[7] = requests - slow, slow
    return Part(requests, errors, tuple(counts))


def a_side(*parts: Part) -> Side:
    latency = tuple(map(sum, zip(*(part.latency for part in parts), strict=True)))
    return Side(
        requests=sum(latency),
        errors=sum(part.errors for part in parts),
        latency=latency,
        parts=parts,
    )


EVEN = a_side(*[a_part() for _ in range(6)])


def test_parts_that_differ_no_more_than_chance_tie_nothing() -> None:
    even = a_side(*[a_part(slow) for slow in (2, 1, 3, 2, 2, 2)])
    assert togetherness([even], lambda part, _: (part.latency[7], part.requests)) == 0.0


def test_a_side_whose_bad_ones_come_together_is_tied() -> None:
    burst = a_side(a_part(200), *[a_part() for _ in range(5)])
    tied = togetherness([burst], lambda part, _: (part.latency[7], part.requests))
    assert tied == pytest.approx(1.0, abs=0.02)


def test_too_few_parts_say_nothing_of_it() -> None:
    burst = a_side(a_part(200), a_part())
    assert togetherness([burst], lambda part, _: (part.latency[7], part.requests)) == 0.0


def found(now: Side, before: Side = EVEN) -> dict[str, str]:
    traffic = Traffic(cohort_before=before, cohort_now=now, control_before=EVEN, control_now=EVEN)
    return {one.metric: one.verdict for one in traffic_findings(traffic, 100)}


def test_one_slow_ten_seconds_of_a_wave_are_no_verdict() -> None:
    assert found(a_side(a_part(30), a_part(), a_part()))["p99"] == "inconclusive"
    assert found(a_side(a_part(30)))["p99"] == "inconclusive", "there is nothing else yet"


def test_what_is_slow_all_the_time_fails() -> None:
    assert found(a_side(a_part(30), a_part(25), a_part(28)))["p99"] == "fail"


def test_bursts_that_were_there_before_make_as_many_doubtful_now() -> None:
    uneven = a_side(a_part(12), *[a_part() for _ in range(7)])
    now = a_side(a_part(15), a_part(15), a_part())
    assert found(now, before=uneven)["p99"] == "inconclusive"
    assert found(now)["p99"] == "fail"


def test_errors_of_a_bad_moment_in_the_past_excuse_none_of_now() -> None:
    now = a_side(*[a_part(errors=10) for _ in range(2)])
    burst = a_side(a_part(errors=8), *[a_part() for _ in range(5)])
    assert found(now, before=burst)["error_rate"] == "fail"


def test_a_side_that_is_not_known_so_finely_is_judged_as_if_requests_came_apart() -> None:
    whole = Side(requests=600, latency=a_side(a_part(60, 600)).latency)
    traffic = Traffic(cohort_before=EVEN, cohort_now=whole)
    assert tail_doubt(traffic, 0.99, 0.02) == ""
