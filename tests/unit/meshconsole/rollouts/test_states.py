"""The life of a rollout: who owns, who moves by itself, and how it ends."""

from __future__ import annotations

from meshconsole.rollouts.states import (
    MOVING,
    OWNING,
    TERMINAL,
    TRANSITIONS,
    RolloutEvent,
    RolloutState,
)


def test_every_event_leads_somewhere_and_every_state_is_reached_but_the_first() -> None:
    assert {event for _, event in TRANSITIONS} == set(RolloutEvent)
    assert set(TRANSITIONS.values()) == set(RolloutState) - {RolloutState.DRAFT}


def test_whoever_may_have_written_something_owns_what_it_changes() -> None:
    assert set(RolloutState) - OWNING == {
        RolloutState.DRAFT, RolloutState.PREVIEWED, *TERMINAL,
    }  # fmt: skip
    assert MOVING < OWNING


def test_a_rollout_that_has_begun_ends_completed_or_undone_and_never_simply_aborted() -> None:
    begun = {RolloutState.PROGRESSING, RolloutState.SOAKING, RolloutState.PAUSED}
    for state in begun:
        assert (state, RolloutEvent.ABORTED) not in TRANSITIONS
        assert TRANSITIONS[state, RolloutEvent.ROLLBACK_ASKED] == RolloutState.ROLLING_BACK


def test_nothing_that_is_stuck_becomes_anything_but_rolled_back() -> None:
    ways = {new for (old, _), new in TRANSITIONS.items() if old == RolloutState.STUCK}
    assert ways == {RolloutState.ROLLING_BACK}
    ways = {new for (old, _), new in TRANSITIONS.items() if old == RolloutState.ROLLING_BACK}
    assert ways == {RolloutState.ROLLED_BACK, RolloutState.STUCK}
