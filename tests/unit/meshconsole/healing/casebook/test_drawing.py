"""The picture of a case has every state once, and tells what was gone from what may follow."""

from __future__ import annotations

import itertools

import pytest

from meshconsole.healing.casebook.drawing import (
    BOX_HEIGHT,
    BOX_WIDTH,
    HEIGHT,
    WIDTH,
    drawing_of,
    next_states,
)
from meshconsole.healing.cases.states import OPEN, TERMINAL, TRANSITIONS, CaseState

GONE = [("observed", "cooling"), ("cooling", "confirming"), ("confirming", "cooling")]


def test_every_state_stands_in_the_picture_and_apart_from_the_others() -> None:
    nodes = drawing_of("observed", []).nodes
    assert sorted(node.state for node in nodes) == sorted(CaseState.values)
    for node in nodes:
        assert 0 <= node.left <= WIDTH - BOX_WIDTH
        assert 0 <= node.top <= HEIGHT - BOX_HEIGHT
    for one, other in itertools.combinations(nodes, 2):
        assert abs(one.x - other.x) >= BOX_WIDTH or abs(one.y - other.y) >= BOX_HEIGHT


def test_the_way_gone_is_counted_and_the_present_state_is_marked() -> None:
    drawn = drawing_of("cooling", GONE)
    by_state = {node.state: node for node in drawn.nodes}
    assert [one.state for one in drawn.nodes if one.is_now] == ["cooling"]
    assert (by_state["observed"].times, by_state["cooling"].times) == (1, 2)
    assert by_state["gated"].times == 0
    assert {one.state for one in drawn.nodes if one.is_end} == set(TERMINAL)
    assert sum(step.look == "gone" for step in drawn.steps) == 3
    assert drawn.label == (
        "The case went observed, cooling, confirming, cooling; it is cooling now"
    )


@pytest.mark.parametrize("state", CaseState.values)
def test_what_may_follow_is_what_the_table_says(state: str) -> None:
    reached = {after for (before, _), after in TRANSITIONS.items() if before == state}
    assert set(next_states(state)) == reached
    assert bool(reached) == (state in OPEN)
    drawn = drawing_of(state, [])
    assert [step.look for step in drawn.steps].count("next") == len(reached)


def test_a_state_of_another_version_is_left_out_instead_of_breaking_the_page() -> None:
    drawn = drawing_of("cooling", [("observed", "dreaming"), ("dreaming", "cooling")])
    assert not [step for step in drawn.steps if step.look == "gone"]
