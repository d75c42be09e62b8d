"""The table of a case's life: every state is reached, and nothing acts without a decision."""

from __future__ import annotations

import pytest

from meshconsole.healing.cases.states import (
    COUNTED,
    EXECUTING,
    OPEN,
    TERMINAL,
    TRANSITIONS,
    WAITING_FOR_PERSON,
    CaseEvent as E,
    CaseState as S,
)


def reaching(state: str) -> set[tuple[str, str]]:
    return {edge for edge, new in TRANSITIONS.items() if new == state}


def test_every_state_is_reached_and_only_the_endings_are_left_by_nothing() -> None:
    reached = set(TRANSITIONS.values())
    left = {old for old, _ in TRANSITIONS}
    assert reached | left == set(S)
    assert left - reached == {S.OBSERVED}
    assert reached - left == TERMINAL


def test_every_event_is_used() -> None:
    assert {event for _, event in TRANSITIONS} == set(E)


def test_a_drain_begins_by_policy_or_by_approval_only() -> None:
    assert reaching(S.DRAINING) == {
        (S.GATED, E.AUTO_APPROVED),
        (S.AWAITING_APPROVAL, E.APPROVED),
    }


def test_an_action_follows_a_drain_only() -> None:
    assert reaching(S.ACTING) == {(S.DRAINING, E.DRAINED)}


def test_an_instance_is_removed_by_an_action_only() -> None:
    assert reaching(S.REMOVED) == {(S.ACTING, E.REMOVED)}


@pytest.mark.parametrize("state", [S.ACTING, S.VERIFYING, S.RETURNING])
def test_nobody_ends_a_case_while_its_instance_is_being_worked_on(state: S) -> None:
    assert (state, E.DISMISSED) not in TRANSITIONS
    assert (state, E.HELD) not in TRANSITIONS


def test_what_was_held_is_confirmed_anew() -> None:
    assert TRANSITIONS[S.HELD, E.RELEASED] == S.CONFIRMING


def test_what_waits_for_approval_counts_against_budgets() -> None:
    assert {S.AWAITING_APPROVAL} == COUNTED - EXECUTING
    assert COUNTED < OPEN
    assert WAITING_FOR_PERSON < OPEN


def test_approval_that_nobody_gives_never_becomes_an_action() -> None:
    assert TRANSITIONS[S.AWAITING_APPROVAL, E.APPROVAL_EXPIRED] == S.ESCALATED
