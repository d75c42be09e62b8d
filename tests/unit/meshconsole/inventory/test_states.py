"""The table of an instance's life."""

from __future__ import annotations

from meshconsole.inventory.states import OPEN, TRANSITIONS, InstanceEvent, InstanceState


def test_every_state_is_reached_and_none_is_a_dead_end() -> None:
    assert {*TRANSITIONS.values()} | {InstanceState.JOINING} == set(InstanceState)
    assert {state for state, _ in TRANSITIONS} == set(InstanceState)


def test_every_open_state_can_be_left() -> None:
    left = {state for state, event in TRANSITIONS if event == InstanceEvent.LEFT}
    assert left == OPEN
