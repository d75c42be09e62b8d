"""What a replay's page says of what was found."""

from __future__ import annotations

import pytest

from meshconsole.healing.replays.pages import STEP_WORDS, bars_of, rows_of, verdict_of
from meshconsole.healing.replays.shapes import STEPS, Fate, Found


def fate(case: int, was: str, then: str) -> Fate:
    return Fate(
        case=case,
        instance=f"order-{case}",
        app="order",
        opened_at=float(case),
        was=was,
        was_seconds=1.0,
        then=then,
        then_seconds=2.0,
        action="",
        reason="So.",
    )


def test_every_step_has_its_words() -> None:
    assert set(STEP_WORDS) == set(STEPS)


def test_what_differs_comes_first_and_then_the_newest() -> None:
    found = Found(
        cases=(fate(1, "asked", "asked"), fate(2, "asked", "acted"), fate(3, "asked", "asked"))
    )
    assert [row.fate.case for row in rows_of(found)] == [2, 3, 1]


def test_bars_are_of_one_scale_and_steps_nobody_came_to_are_left_out() -> None:
    bars = bars_of(Found(was={"asked": 4}, then={"asked": 1, "acted": 3}))
    assert [(bar.word, bar.was, bar.then) for bar in bars] == [
        ("acted on without asking", 0, 3),
        ("asked about", 4, 1),
    ]
    assert [(bar.was_width, bar.then_width) for bar in bars] == [(0.0, 75.0), (100.0, 25.0)]


@pytest.mark.parametrize(
    ("cases", "sentence"),
    [
        ([], "No case was opened in this period."),
        ([fate(1, "asked", "asked")], "It would have gone the same way."),
        ([fate(1, "asked", "held")], "1 of 1 case would have gone another way."),
    ],
)
def test_the_whole_of_it_in_a_sentence(cases: list[Fate], sentence: str) -> None:
    assert verdict_of(Found(cases=tuple(cases))) == sentence


def test_more_that_is_done_unasked_is_said() -> None:
    cases = (fate(1, "asked", "acted"), fate(2, "asked", "asked"))
    said = verdict_of(Found(cases=cases, was={"asked": 2}, then={"asked": 1, "acted": 1}))
    assert "1 more would have been acted on unasked" in said
