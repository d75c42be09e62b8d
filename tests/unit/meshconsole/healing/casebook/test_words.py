"""Every state and event has words, and a gate says its number in its unit."""

from __future__ import annotations

import pytest

from meshconsole.healing.casebook.words import (
    DEADLINES,
    WAITS,
    action_word,
    event_word,
    gate_lines,
    measured,
)
from meshconsole.healing.cases.states import OPEN, CaseEvent, CaseState


@pytest.mark.parametrize("state", CaseState.values)
def test_every_state_says_what_is_waited_for(state: str) -> None:
    assert WAITS[state].endswith(".")


@pytest.mark.parametrize("event", CaseEvent.values)
def test_every_event_is_said_in_words(event: str) -> None:
    assert "_" not in event_word(event)
    assert event_word(event)[0].isupper()


def test_what_is_not_known_yet_shows_its_own_name() -> None:
    assert event_word("moon_rose") == "Moon rose"
    assert action_word("pat_it") == "pat it"


def test_only_what_is_open_has_a_deadline() -> None:
    assert set(DEADLINES) <= OPEN


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (None, "count", "–"),
        (3, "count", "3"),
        (2.5, "count", "2.5"),
        (0.105, "ratio", "10.5%"),
        (1, "ratio", "100%"),
        (900, "seconds", "900 s"),
        (1, "flag", "yes"),
        (0, "flag", "no"),
    ],
)
def test_a_number_is_told_in_its_unit(value: float | None, unit: str, told: str) -> None:
    assert measured(value, unit) == told


def test_what_speaks_against_an_action_comes_first() -> None:
    lines = gate_lines(
        [
            {"name": "mesh", "ok": True, "value": 1, "bound": 2, "unit": "count", "hard": True},
            {"name": "calendar", "ok": False, "value": 1, "bound": 0, "unit": "flag"},
            {"name": "storm", "ok": False, "value": 9, "bound": 5, "hard": True, "reason": "Many."},
        ]
    )
    assert [(line.name, line.state) for line in lines] == [
        ("storm", "stops"),
        ("calendar", "asks"),
        ("mesh", "holds"),
    ]
    assert (lines[0].value, lines[0].bound, lines[0].reason) == ("9", "5", "Many.")


def test_a_bar_has_room_for_value_and_bound_and_is_left_out_where_it_says_nothing() -> None:
    of, known, flag = gate_lines(
        [
            {"name": "a", "ok": True, "value": 1, "bound": 4, "unit": "count"},
            {"name": "b", "ok": True, "value": None, "bound": 4, "unit": "count"},
            {"name": "c", "ok": True, "value": 0, "bound": 1, "unit": "flag"},
        ]
    )
    assert (of.fill, of.tick) == (20.0, 80.0)
    assert (known.fill, flag.fill) == (None, None)
