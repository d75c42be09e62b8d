"""What a round means: hard at once, soft twice, inconclusive never a pass."""

from __future__ import annotations

from meshconsole.rollouts.facts import Finding, Word, finding
from meshconsole.rollouts.verdicts import Verdict, hard_trip, verdict_of


def one(metric: str = "error_rate", verdict: Word = "pass") -> Finding:
    return finding(metric, verdict, f"{metric} says {verdict}.", measure="ratio")


def act(*findings: Finding, failed: tuple[str, ...] = (), over: bool = False, ext: int = 0) -> str:
    return whole(*findings, failed=failed, over=over, ext=ext).act


def whole(
    *findings: Finding, failed: tuple[str, ...] = (), over: bool = False, ext: int = 0
) -> Verdict:
    return verdict_of(findings, failed_before=failed, is_over=over, extended=ext)


def test_a_hard_failure_goes_back_at_once() -> None:
    verdict = whole(one(), one("cut", "fail"))
    assert (verdict.act, verdict.why) == ("roll_back", "cut: cut says fail.")
    assert hard_trip([one("error_rate", "fail")]) is None
    assert hard_trip([one("cut", "fail")]) is not None


def test_a_soft_failure_goes_back_when_it_is_the_second_in_a_row() -> None:
    assert act(one(verdict="fail")) == "wait"
    assert act(one(verdict="fail"), failed=("p99",)) == "wait"
    assert act(one(verdict="fail"), failed=("error_rate",)) == "roll_back"


def test_a_soak_that_ends_on_a_first_failure_is_judged_once_more() -> None:
    assert act(one(verdict="fail"), over=True) == "wait"


def test_a_soak_passes_only_when_it_is_over_and_everything_passed() -> None:
    assert act(one()) == "wait"
    assert act(one(), over=True) == "pass"
    assert act(over=True) == "extend"


def test_inconclusive_is_extended_twice_and_then_a_person_decides() -> None:
    unsure = one(verdict="inconclusive")
    assert [act(one("cut"), unsure, over=True, ext=n) for n in range(4)] == [
        "extend", "extend", "pause", "pause",
    ]  # fmt: skip
    assert "error_rate" in whole(unsure, over=True, ext=2).why
