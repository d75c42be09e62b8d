"""What a replay found, as its row keeps it and its page reads it."""

from __future__ import annotations

import msgspec

from meshconsole.healing.cases.score import Score

STEPS = (
    "acted", "asked", "recovered", "dismissed", "service_incident", "held", "escalated", "waiting",
)  # fmt: skip
"""How far a case came without anybody's answer: the first of these that happened to it."""


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """One case: what was, and what the candidate would have done."""

    case: int
    instance: str
    app: str
    opened_at: float
    """Epoch seconds."""
    was: str
    """One of STEPS."""
    was_seconds: float | None
    """After it was opened; None while it waits."""
    then: str
    then_seconds: float | None
    mark: str = ""
    """What a person thought of it: `right`, `false_alarm` or nothing."""
    action: str
    """That would have been taken or asked for; empty where none would."""
    reason: str


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Windows of one application's endpoints, judged again."""

    app: str
    windows: int
    was: int
    """That made their reporter eject, or would have in another mode."""
    then: int
    gained: int
    lost: int
    """By the candidate."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    cases: tuple[Fate, ...] = ()
    judged: tuple[Judged, ...] = ()
    """Windows that reporters told."""
    minutes: tuple[Judged, ...] = ()
    """Of the last quarter of an hour of traffic, where the period reaches that far: `was` is by the
    terms in force."""
    was: dict[str, int] = {}
    then: dict[str, int] = {}
    """Cases by step."""
    was_score: Score | None = None
    then_score: Score | None = None
    """By the marks that people gave the cases."""
    decisions: int = 0
    is_cut: bool = False
    """Was there more than one replay takes in?"""


def differs(fate: Fate) -> bool:
    """Would the case have gone another way?"""
    return fate.was != fate.then
