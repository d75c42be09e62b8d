"""The simulation finds nothing in the rules as they are, and finds what is broken on purpose."""

from __future__ import annotations

import pytest

from healer.policy.parameters import Policy
from healer.simulation.running import run

HOURS = 0.7


@pytest.mark.parametrize("seed", [5, 6])
def test_the_rules_do_no_harm(seed: int) -> None:
    result = run(seed, hours=HOURS)
    assert result.named == []
    assert result.violations == {}
    assert result.doubled == 0
    assert result.cases > 20


def test_the_same_seed_is_the_same_story() -> None:
    assert run(5, hours=0.2) == run(5, hours=0.2)


@pytest.mark.parametrize(
    ("seed", "broken", "what"),
    [
        (1, Policy(cooldown_seconds=5), "cooldown"),
        (3, Policy(unit_out=50, unit_out_share=1.0), "budget"),
        (6, Policy(removal_approvals=1, critical_approvals=1), "four_eyes"),
    ],
)
def test_a_rule_that_is_broken_is_found_out(seed: int, broken: Policy, what: str) -> None:
    assert run(seed, policy=broken, hours=HOURS).violations[what] > 0


def test_two_schedulers_without_a_lock_are_found_out() -> None:
    assert run(5, hours=HOURS, is_locked=False).violations["budget"] > 0
