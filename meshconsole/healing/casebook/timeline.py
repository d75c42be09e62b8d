"""What happened to a case, line by line: its own moves, and the words of people in between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from meshconsole.healing.casebook.words import event_word, state_word
from meshconsole.healing.cases.approval_models import ApprovalVote
from meshconsole.healing.cases.models import CaseEntry


@dataclass(frozen=True)
class Told:
    """One line, in words."""

    key: str
    """Its own within the case."""
    at: datetime
    actor: str
    word: str
    reason: str
    before: str
    after: str
    """States; the same when the case did not move."""

    @property
    def has_moved(self) -> bool:
        """Did the case come into another state by it?"""
        return bool(self.before) and self.before != self.after


@dataclass(frozen=True)
class Stay:
    """One time that the case was in a state."""

    state: str
    since: datetime
    until: datetime | None
    """None: it is in it now."""
    seconds: float
    event: str
    """What led to it, in words."""
    actor: str


def told_of(entries: Sequence[CaseEntry], votes: Iterable[ApprovalVote]) -> list[Told]:
    """Moves and votes in one row, oldest first."""
    lines = [
        Told(
            key=f"entry-{one.pk}",
            at=one.at,
            actor=one.actor,
            word=event_word(one.event),
            reason=one.reason,
            before=one.before,
            after=one.after,
        )
        for one in entries
    ]
    lines += [_of_vote(vote, lines) for vote in votes]
    return sorted(lines, key=lambda line: line.at)


def stays_of(
    opened_at: datetime, moves: Sequence[CaseEntry], now: datetime, *, is_over: bool
) -> list[Stay]:
    """Every time that a case was in a state, oldest first; one that is over stays in its last."""
    begins = [(opened_at, "observed", event_word("opened"), "")]
    begins += [(one.at, one.after, event_word(one.event), one.actor) for one in moves]
    ends: list[datetime | None] = [at for at, *_ in begins[1:]]
    ends.append(begins[-1][0] if is_over else None)
    return [
        Stay(
            state=state_word(state),
            since=since,
            until=until,
            seconds=max(0.0, ((until or now) - since).total_seconds()),
            event=event,
            actor=actor,
        )
        for (since, state, event, actor), until in zip(begins, ends, strict=True)
    ]


def _of_vote(vote: ApprovalVote, lines: Sequence[Told]) -> Told:
    """A vote moves nothing by itself: the case is as the line before it left it."""
    state = next((line.after for line in reversed(lines) if line.at <= vote.at), "observed")
    return Told(
        key=f"vote-{vote.pk}",
        at=vote.at,
        actor=f"{vote.user}, by {vote.via}",
        word="Said yes" if vote.decision == "approve" else "Said no",
        reason=vote.reason,
        before=state,
        after=state,
    )
