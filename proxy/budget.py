"""How many requests of one service may be sent again at a time.

A share of what is under way, with a floor for quiet services (Envoy's retry budget: 20%, at least
3 at once). Without it the retries for an overloaded service are the load that keeps it down.
"""

from __future__ import annotations

SHARE = 0.20
FLOOR = 3


class RetryBudget:
    """Counts of one service, kept while the service stays in force."""

    __slots__ = ("active", "refused", "retrying")

    def __init__(self) -> None:
        self.active = 0
        """Requests under way."""
        self.retrying = 0
        """Those of them that are being sent again."""
        self.refused = 0
        """Retries that the budget did not allow; only grows."""

    @property
    def has_room(self) -> bool:
        """May one more request be sent again?"""
        return self.retrying < max(FLOOR, SHARE * self.active)

    def take(self) -> bool:
        """May one more request be sent again? If so it counts until `leave`."""
        if not self.has_room:
            self.refused += 1
            return False
        self.retrying += 1
        return True

    def leave(self, was_retry: bool) -> None:
        """A request is over."""
        self.active -= 1
        if was_retry:
            self.retrying -= 1
