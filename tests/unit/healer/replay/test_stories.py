"""How far a case came, by its timeline."""

from __future__ import annotations

import pytest

from healer.replay.stories import STEP_OF, step_reached
from meshconsole.healing.cases.states import CaseEvent
from meshconsole.healing.replays.shapes import STEPS


def test_every_word_is_one_that_pages_know_and_every_event_one_of_cases() -> None:
    assert set(STEP_OF.values()) <= set(STEPS)
    assert set(STEP_OF) <= set(CaseEvent)


@pytest.mark.parametrize(
    ("events", "step", "seconds"),
    [
        ([], "waiting", None),
        ([(10, "taken_up"), (190, "cooled_down")], "waiting", None),
        ([(10, "taken_up"), (40, "went_quiet")], "recovered", 40),
        ([(200, "quorum_reached"), (201, "approval_needed"), (300, "rejected")], "asked", 201),
        ([(20, "held")], "held", None),
        ([(20, "held"), (400, "released"), (410, "auto_approved")], "acted", 410),
    ],
)
def test_the_first_thing_that_nobody_had_to_answer(
    events: list[tuple[float, str]], step: str, seconds: float | None
) -> None:
    assert step_reached(events, 0.0) == (step, seconds)
