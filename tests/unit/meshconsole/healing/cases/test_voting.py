"""Four eyes, two persons, one plan, and never by itself."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, strategies as st

from meshconsole.healing.cases.voting import (
    Ballot,
    Question,
    Seen,
    approvers_of,
    is_good,
    needed_for,
    outcome_with,
    refusal_of,
)

ASKED = Question(
    state="pending", version=3, plan_hash="abc", needed=1, requester="ann", expires_at=100.0
)
YES = Ballot(user="bob", decision="approve")


def asked(**fields: object) -> Question:
    return msgspec.structs.replace(ASKED, **fields)


@pytest.mark.parametrize(
    ("question", "user", "seen", "now", "code"),
    [
        (ASKED, "bob", Seen(version=3, plan_hash="abc"), 99.0, None),
        (ASKED, "bob", Seen(), 99.0, None),
        (ASKED, "ann", Seen(), 99.0, "four_eyes"),
        (ASKED, "", Seen(), 99.0, "four_eyes"),
        (ASKED, "bob", Seen(version=2), 99.0, "changed"),
        (ASKED, "bob", Seen(plan_hash="xyz"), 99.0, "plan_changed"),
        (ASKED, "bob", Seen(), 100.0, "expired"),
        (asked(state="approved"), "bob", Seen(), 99.0, "decided"),
        (asked(needed=2, ballots=(YES,)), "bob", Seen(), 99.0, "voted"),
        (asked(needed=2, ballots=(YES,)), "cleo", Seen(), 99.0, None),
    ],
)
def test_whose_word_counts(
    question: Question, user: str, seen: Seen, now: float, code: str | None
) -> None:
    refusal = refusal_of(question, user, seen, now)
    assert (refusal.code if refusal else None) == code


def test_two_distinct_persons_and_one_rejection() -> None:
    two = asked(needed=2)
    assert outcome_with(two, YES) == "pending"
    assert outcome_with(asked(needed=2, ballots=(YES,)), YES) == "pending"
    other = Ballot(user="cleo", decision="approve")
    assert outcome_with(asked(needed=2, ballots=(YES,)), other) == "approved"
    no = Ballot(user="cleo", decision="reject")
    assert outcome_with(asked(needed=2, ballots=(YES,)), no) == "rejected"


@pytest.mark.parametrize(
    ("action", "is_critical", "needed"),
    [("restart_process", False, 1), ("restart_process", True, 2), ("remove", False, 2)],
)
def test_a_removal_and_a_critical_tier_need_two(
    action: str, is_critical: bool, needed: int
) -> None:
    assert needed_for(action, is_critical=is_critical) == needed


def test_an_approval_is_good_for_its_plan_in_its_time_and_by_enough_persons() -> None:
    done = asked(state="approved", ballots=(YES,))
    assert is_good(done, "abc", 99.0) is None
    for question, plan, now, code in (
        (ASKED, "abc", 99.0, "not_approved"),
        (done, "abd", 99.0, "plan_changed"),
        (done, "", 99.0, "plan_changed"),
        (done, "abc", 100.0, "expired"),
        (msgspec.structs.replace(done, needed=2), "abc", 99.0, "too_few"),
        (msgspec.structs.replace(done, requester="bob"), "abc", 99.0, "too_few"),
    ):
        refusal = is_good(question, plan, now)
        assert refusal is not None
        assert refusal.code == code
    forced = asked(state="approved", needed=2, overridden_by="root")
    assert is_good(forced, "abc", 99.0) is None


_PEOPLE = st.sampled_from(["", "ann", "bob", "cleo", "dora"])


@given(
    ballots=st.lists(st.builds(Ballot, user=_PEOPLE, decision=st.just("approve")), max_size=8),
    needed=st.integers(1, 3),
)
def test_no_order_of_votes_gets_round_four_eyes(ballots: list[Ballot], needed: int) -> None:
    """Votes as they would be taken: whoever is refused does not vote."""
    question = asked(needed=needed)
    for ballot in ballots:
        if refusal_of(question, ballot.user, Seen(), 0.0) is not None:
            continue
        state = outcome_with(question, ballot)
        question = msgspec.structs.replace(
            question, state=state, ballots=(*question.ballots, ballot)
        )
    named = approvers_of(question.ballots, "ann")
    assert (question.state == "approved") == (len(named) >= needed)
    assert not {"", "ann"} & {one.user for one in question.ballots}
