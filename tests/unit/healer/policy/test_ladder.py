"""One rung after the other, each once."""

from __future__ import annotations

import pytest

from healer.policy.ladder import action_of, next_rung
from healer.policy.parameters import Policy
from tests.harness.policy import case_of


@pytest.mark.parametrize(("tried", "expected"), [(0, 2), (1, 2), (2, 3), (3, 4), (4, None)])
def test_it_begins_where_policy_says_and_climbs(tried: int, expected: int | None) -> None:
    assert next_rung(case_of(rung=tried), Policy()) == expected


def test_it_ends_where_policy_says() -> None:
    assert next_rung(case_of(rung=2), Policy(ladder_end=2)) is None
    assert next_rung(case_of(rung=0, actions_24h=2), Policy(ladder_end=3)) is None


def test_what_was_restarted_twice_today_is_removed() -> None:
    assert next_rung(case_of(rung=0, actions_24h=2), Policy()) == 4


def test_a_removal_that_a_person_asked_for_is_one() -> None:
    assert next_rung(case_of(removal_asked_by="ann"), Policy(ladder_end=2)) == 4


def test_each_rung_has_its_action() -> None:
    assert [action_of(rung) for rung in (1, 2, 3, 4)] == [
        "restart_sidecar", "restart_process", "restart_host", "remove",
    ]  # fmt: skip
