"""Waits look again soon, and not after their end."""

from __future__ import annotations

from healer.policy.parameters import Policy
from healer.policy.waiting import elapsed, stay
from tests.harness.policy import NOW, case_of


def test_it_looks_again_every_five_seconds_and_at_the_end() -> None:
    policy = Policy()
    assert stay("So.", policy, now=NOW).due_seconds == 5
    assert stay("So.", policy, now=NOW, until=NOW + 100).due_seconds == 5
    assert stay("So.", policy, now=NOW, until=NOW + 3).due_seconds == 3
    assert stay("So.", policy, now=NOW, until=NOW - 3).due_seconds == 1


def test_time_never_runs_backwards() -> None:
    assert elapsed(case_of(seconds=10), NOW) == 10
    assert elapsed(case_of(seconds=-10), NOW) == 0
