"""Worked examples of the difference of differences: what is large and real fails, nothing else."""

from __future__ import annotations

import pytest

from meshconsole.rollouts.differences import traffic_findings
from meshconsole.rollouts.facts import Finding, Side, Traffic
from proxy.contract.reports import LATENCY_BUCKETS


def side(requests: int = 1000, errors: int = 0, slow: int = 0, at: int = 2, to: int = 7) -> Side:
    """Answers in bucket `at`, of which `slow` are in bucket `to`."""
    counts = [0] * LATENCY_BUCKETS
    counts[at] = requests - slow
    counts[to] += slow
    return Side(requests=requests, errors=errors, latency=tuple(counts))


def judged(**sides: Side | None) -> dict[str, Finding]:
    given: dict[str, Side | None] = {
        "cohort_before": side(),
        "cohort_now": side(),
        "control_before": side(),
        "control_now": side(),
    }
    traffic = Traffic(**(given | sides))  # type: ignore[arg-type]
    return {one.metric: one for one in traffic_findings(traffic, 500)}


def test_nothing_changed_passes() -> None:
    assert {one.verdict for one in judged().values()} == {"pass"}


def test_five_percent_of_errors_fail_and_say_the_number() -> None:
    found = judged(cohort_now=side(errors=50))["error_rate"]
    assert found.verdict == "fail"
    assert (found.value, found.control, found.bound) == (0.05, 0.0, 0.005)
    assert "5.00 points are this change's, 0.50 are allowed" in found.sentence


def test_what_the_control_group_suffers_too_is_not_this_changes_fault() -> None:
    found = judged(cohort_now=side(errors=50), control_now=side(errors=50))["error_rate"]
    assert (found.verdict, found.value) == ("pass", 0.0)


def test_where_everything_fails_a_wave_that_is_no_worse_proves_nothing() -> None:
    found = judged(cohort_now=side(errors=500), control_now=side(errors=500))["error_rate"]
    assert (found.verdict, found.value) == ("inconclusive", 0.0)
    assert "nothing can be told apart" in found.sentence
    found = judged(cohort_now=side(errors=700), control_now=side(errors=500))["error_rate"]
    assert found.verdict == "fail"


def test_an_instance_that_was_always_worse_is_not_blamed() -> None:
    found = judged(cohort_before=side(errors=50), cohort_now=side(errors=52))["error_rate"]
    assert found.verdict == "pass"


def test_a_large_difference_of_few_errors_may_be_chance() -> None:
    found = judged(cohort_now=side(requests=500, errors=4))["error_rate"]
    assert found.verdict == "pass"
    assert "chance" in found.sentence


def test_without_a_control_group_the_past_alone_is_compared() -> None:
    found = judged(cohort_now=side(errors=50), control_before=None, control_now=None)
    assert found["error_rate"].verdict == "fail"
    assert found["error_rate"].control is None
    assert "elsewhere" not in found["error_rate"].sentence


def test_twenty_milliseconds_more_fail_both_quantiles() -> None:
    found = judged(cohort_now=side(at=4))
    assert (found["p50"].verdict, found["p99"].verdict) == ("fail", "fail")
    assert found["p50"].value == pytest.approx(0.0175 - 0.00375)


def test_a_longer_tail_fails_p99_alone() -> None:
    found = judged(cohort_now=side(slow=40))
    assert (found["p50"].verdict, found["p99"].verdict) == ("pass", "fail")


def test_a_tail_of_a_few_requests_may_be_chance() -> None:
    found = judged(cohort_now=side(requests=600, slow=8))["p99"]
    assert found.verdict == "pass"
    assert "chance" in found.sentence


def test_a_tail_that_grows_everywhere_is_not_this_changes_fault() -> None:
    found = judged(cohort_now=side(slow=40), control_now=side(slow=40))["p99"]
    assert found.verdict == "pass"


@pytest.mark.parametrize("which", ["cohort_before", "cohort_now", "control_before", "control_now"])
def test_too_few_requests_on_any_side_are_inconclusive_and_say_where(which: str) -> None:
    found = judged(**{which: side(requests=499, errors=400)})
    assert {one.verdict for one in found.values()} == {"inconclusive"}
    assert "499" in found["p99"].sentence


def test_requests_that_nobody_timed_give_no_quantile() -> None:
    found = judged(cohort_now=Side(requests=1000))
    assert found["error_rate"].verdict == "pass"
    assert found["p99"].verdict == "inconclusive"


def test_all_failing_where_nothing_failed_before_is_seen() -> None:
    assert judged(cohort_now=side(errors=1000))["error_rate"].verdict == "fail"


def test_a_control_group_that_gets_well_again_blames_nobody_who_was_well() -> None:
    trouble = {"control_before": side(errors=200, slow=900), "control_now": side()}
    assert {one.verdict for one in judged(**trouble).values()} == {"pass"}


def test_who_stays_ill_while_the_control_group_gets_well_is_blamed() -> None:
    ill = side(errors=200)
    found = judged(cohort_before=ill, cohort_now=ill, control_before=ill, control_now=side())
    assert found["error_rate"].verdict == "fail"
