"""Who may decide what is asked, and when enough people have: four eyes, votes, expiry; pure.

An approval is an answer to one plan. It is good for that plan and no other, for a time, from people
who did not ask for it, and from as many as it needs. Nothing here approves by itself: when nobody
answers, the question expires. The same rules are asked when a person votes and again when the plan
is about to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

Decision = Literal["approve", "reject"]
Outcome = Literal["pending", "approved", "rejected"]
EXPIRY_SECONDS = 900.0


class Ballot(msgspec.Struct, frozen=True, kw_only=True):
    """One person's word."""

    user: str
    decision: Decision


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, and how far it has been answered."""

    state: str
    """`pending` can be answered; every other word says how it ended."""
    version: int
    plan_hash: str
    needed: int
    """Distinct persons who have to approve."""
    requester: str
    """Who asked; empty or `healer` when no person did."""
    expires_at: float
    """Seconds since 1970."""
    ballots: tuple[Ballot, ...] = ()
    overridden_by: str = ""
    """Who went past the votes, with a role that may."""


class Refusal(msgspec.Struct, frozen=True):
    """Why a word does not count: a stable code, and a sentence that says what to do."""

    code: str
    detail: str


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the person who answers had before the eyes."""

    version: int | None = None
    """None when it was not said."""
    plan_hash: str = ""
    """Empty when it was not said."""


def needed_for(action: str, *, is_critical: bool) -> int:
    """How many distinct persons have to approve: two for a removal and for a critical tier."""
    return 2 if is_critical or action == "remove" else 1


def refusal_of(question: Question, user: str, seen: Seen, now: float) -> Refusal | None:
    """Why this person's word does not count now; None when it does."""
    return _over(question, now) or _changed(question, seen) or _eyes(question, user)


def outcome_with(question: Question, ballot: Ballot) -> Outcome:
    """How the question stands with one more word; one rejection ends it."""
    if ballot.decision == "reject":
        return "rejected"
    ballots = (*question.ballots, ballot)
    return (
        "approved"
        if len(approvers_of(ballots, question.requester)) >= question.needed
        else ("pending")
    )


def approvers_of(ballots: Sequence[Ballot], requester: str) -> tuple[str, ...]:
    """The distinct persons who approved, without the one who asked."""
    named = (one.user for one in ballots if one.decision == "approve" and one.user)
    return tuple(sorted({user for user in named if user != requester}))


def is_good(question: Question, plan_hash: str, now: float) -> Refusal | None:
    """May the plan of this hash run by this approval now? The reason when it may not.

    Asked again at the moment of execution: state, plan, time, and the count of distinct persons.
    """
    if question.state != "approved":
        return Refusal("not_approved", f"The plan is not approved: it is {question.state}.")
    if not plan_hash or plan_hash != question.plan_hash:
        return Refusal("plan_changed", "The plan changed after it was approved: ask again.")
    if now >= question.expires_at:
        return Refusal("expired", "The approval is older than it may be: ask again.")
    if any(one.decision == "reject" for one in question.ballots):
        return Refusal("rejected", "Somebody rejected the plan.")
    if question.overridden_by:
        return None
    have = len(approvers_of(question.ballots, question.requester))
    if have < max(1, question.needed):
        return Refusal("too_few", f"{have} of {question.needed} persons have approved.")
    return None


def _over(question: Question, now: float) -> Refusal | None:
    if question.state != "pending":
        return Refusal("decided", f"It is decided already: {question.state}.")
    if now >= question.expires_at:
        return Refusal("expired", "Nobody answered in time, so it has expired and nothing is done.")
    return None


def _changed(question: Question, seen: Seen) -> Refusal | None:
    if seen.version is not None and seen.version != question.version:
        return Refusal(
            "changed", "It changed since you read it: read what is asked now and decide again."
        )
    if seen.plan_hash and seen.plan_hash != question.plan_hash:
        return Refusal("plan_changed", "The plan is another one than you read: look at it again.")
    return None


def _eyes(question: Question, user: str) -> Refusal | None:
    if not user or user == question.requester:
        return Refusal("four_eyes", "Somebody else has to decide what you asked for.")
    if any(one.user == user for one in question.ballots):
        return Refusal("voted", "You have decided already; it needs another person.")
    return None
