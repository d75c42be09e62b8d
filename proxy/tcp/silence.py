"""Has a session been silent for too long? Pure: it is told the time and how much has passed.

Bytes cost nothing here: a session is looked at now and then, and what has passed is compared with
what had passed at the last look. So an end may come up to a quarter of the patience late.
"""

from __future__ import annotations

CHECK_SECONDS = 10.0
"""A session is looked at this often, at least."""


class Silence:
    """What was seen at the last look, and when to look again."""

    __slots__ = ("_mark", "_since", "due")

    def __init__(self, due: float) -> None:
        self._mark = -1
        self._since = 0.0
        self.due = due
        """When to look next; on the monotonic clock."""

    def begin(self, now: float) -> None:
        """Something has just happened: look again at once."""
        self._since = now
        self.due = now

    def is_too_long(self, now: float, mark: int, patience_seconds: float) -> bool:
        """Has nothing moved for the whole of the patience? `mark` changes with every byte."""
        self.due = now + min(CHECK_SECONDS, patience_seconds / 4)
        if mark != self._mark:
            self._mark = mark
            self._since = now
        return now - self._since >= patience_seconds
