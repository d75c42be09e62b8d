"""The life of an anomaly: every state is reached, and both ends are final."""

from __future__ import annotations

from meshconsole.healing.evidence.states import (
    OPEN,
    TERMINAL,
    TRANSITIONS,
    AnomalyEvent,
    AnomalyState,
)


def test_every_state_is_open_or_an_end() -> None:
    assert set(AnomalyState) == OPEN | TERMINAL
    assert not OPEN & TERMINAL


def test_every_end_is_reached_and_never_left() -> None:
    assert set(TRANSITIONS.values()) == TERMINAL
    assert {state for state, _ in TRANSITIONS} == OPEN
    assert {event for _, event in TRANSITIONS} == set(AnomalyEvent)
