"""A score in values, as the healer counts it and pages show it."""

from __future__ import annotations

import msgspec


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How well a policy did with some cases, by what people thought of them afterwards."""

    cases: int
    marked: int
    false_alarms: int
    """Marked so, though an instance was acted on or a person asked."""
    missed: int
    """Marked right, though nothing was done."""
    right: float | None
    """Share of the marked cases that were answered rightly, 0 to 1; None while none is marked."""
    right_least: float | None
    """What that share is at least."""
