"""A case as it is replayed: what was known of it, what reporters said when, and how it went."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from healer.policy.facts import CaseFacts

STEP_OF: dict[str, str] = {
    "auto_approved": "acted",
    "approval_needed": "asked",
    "went_quiet": "recovered",
    "evidence_gone": "recovered",
    "dismissed": "dismissed",
    "reporter_blamed": "dismissed",
    "service_wide": "service_incident",
    "gated_too_long": "escalated",
    "ladder_ended": "escalated",
}
"""Events of a case after which a replay knows no more, and the word for each."""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What one reporter said of one instance, or of a whole service, at one moment."""

    at: float
    """Epoch seconds, when the console heard it."""
    reporter: str
    reporter_app: str
    reporter_unit: str
    instance: str
    """Empty where it is about the service."""
    app: str
    is_failing: bool
    is_external: bool = False
    renewed_until: float = 0.0
    """An ejection with it holds until then, and says so again every few seconds."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One case with all that its replay starts from."""

    case: int
    facts: CaseFacts
    """As they were known last: of these the subject, the service's size and the weights of its
    callers are taken; what was said, and how long ago, comes from the words."""
    opened_at: float
    ended_at: float
    """Nothing is known of what was said after it."""
    last_action_at: float | None = None
    """On its instance, before the case was opened."""
    mark: str = ""
    """What a person thought of it."""
    was: str = "waiting"
    was_seconds: float | None = None


def step_reached(events: Iterable[tuple[float, str]], opened_at: float) -> tuple[str, float | None]:
    """How far a case came by its timeline of (time, event), and after how many seconds."""
    last = ("waiting", None)
    for at, event in events:
        step = STEP_OF.get(event)
        if step is not None:
            return step, max(0.0, at - opened_at)
        if event in ("held", "released"):
            last = ("held" if event == "held" else "waiting", None)
    return last
