"""Moves and people's votes in one row, and how long a case was in each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meshconsole.healing.casebook.timeline import stays_of, told_of
from meshconsole.healing.models import ApprovalVote, CaseEntry

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def moved(pk: int, second: float, event: str, before: str, after: str) -> CaseEntry:
    at = BEGIN + timedelta(seconds=second)
    return CaseEntry(
        pk=pk, at=at, actor="healer", event=event, before=before, after=after, version=pk
    )


MOVES = [
    moved(1, 1, "taken_up", "observed", "cooling"),
    moved(2, 10, "cooled_down", "cooling", "confirming"),
]


def test_a_vote_stands_where_it_was_given_and_moves_nothing() -> None:
    vote = ApprovalVote(
        pk=7,
        user="ann",
        decision="approve",
        reason="Go.",
        at=BEGIN + timedelta(seconds=5),
        via="link",
    )
    lines = told_of(MOVES, [vote])
    assert [line.key for line in lines] == ["entry-1", "vote-7", "entry-2"]
    assert (lines[1].actor, lines[1].word, lines[1].after) == (
        "ann, by link",
        "Said yes",
        "cooling",
    )
    assert [line.has_moved for line in lines] == [True, False, True]


def test_the_last_state_is_still_going_on_while_a_case_is_open() -> None:
    now = BEGIN + timedelta(seconds=25)
    stays = stays_of(BEGIN, MOVES, now, is_over=False)
    assert [(stay.state, stay.seconds) for stay in stays] == [
        ("observed", 1.0),
        ("cooling", 9.0),
        ("confirming", 15.0),
    ]
    assert stays[-1].until is None


def test_a_case_that_is_over_spends_no_time_in_its_end() -> None:
    end = [*MOVES, moved(3, 12, "went_quiet", "confirming", "recovered")]
    last = stays_of(BEGIN, end, BEGIN + timedelta(days=1), is_over=True)[-1]
    assert (last.state, last.seconds) == ("recovered", 0.0)
