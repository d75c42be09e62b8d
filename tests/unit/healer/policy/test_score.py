"""A policy's score by what people thought of its cases."""

from __future__ import annotations

import pytest

from healer.policy.score import LET_GO, TROUBLED, Outcome, outcome, score_of
from meshconsole.healing.cases.models import Mark
from meshconsole.healing.cases.score import Score
from meshconsole.healing.replays.shapes import STEPS


def test_every_step_and_mark_is_one_that_cases_have() -> None:
    assert set(STEPS) >= TROUBLED | LET_GO
    assert set(Mark.values) == {"", "right", "false_alarm"}


def test_nothing_marked_is_no_score() -> None:
    assert score_of([Outcome(step="acted")]) == Score(
        cases=1, marked=0, false_alarms=0, missed=0, right=None, right_least=None
    )


@pytest.mark.parametrize(
    ("step", "mark", "false_alarms", "missed"),
    [
        ("acted", "false_alarm", 1, 0),
        ("asked", "false_alarm", 1, 0),
        ("recovered", "false_alarm", 0, 0),
        ("dismissed", "false_alarm", 0, 0),
        ("acted", "right", 0, 0),
        ("dismissed", "right", 0, 1),
        ("held", "right", 0, 0),
    ],
)
def test_what_counts_against_it(step: str, mark: str, false_alarms: int, missed: int) -> None:
    score = score_of([outcome(step, mark)])
    assert (score.false_alarms, score.missed) == (false_alarms, missed)


def test_few_marks_prove_less_than_many() -> None:
    few = score_of([Outcome(step="acted", mark="right")] * 3)
    many = score_of([Outcome(step="acted", mark="right")] * 300)
    assert (few.right, many.right) == (1.0, 1.0)
    assert few.right_least is not None
    assert many.right_least is not None
    assert few.right_least < 0.5 < 0.97 < many.right_least
