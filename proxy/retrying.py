"""When a request is tried again: the rules, and how long to wait before it.

What was certainly not processed (no connection, a peer that says so) goes elsewhere at once,
whatever its method, while its body is still here. What may have been processed is sent again only
if its method is safe, only where a service allows it, within the budget, to another endpoint and
after a pause with full jitter, so that retries neither pile up nor arrive together. Nothing is
tried twice at once: hedging doubles load just when there is too much of it, and so is left out.
"""

from __future__ import annotations

import random

REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""Methods that ask for nothing to be done. PUT and DELETE may be repeated by their definition, but
not by the counters and ledgers of those who serve them."""
PAUSE_SECONDS = 0.025
PAUSE_LIMIT_SECONDS = 0.25


def pause_limit(attempts: int) -> float:
    """The longest pause, in seconds, after so many attempts: twice as long each time."""
    return float(min(PAUSE_LIMIT_SECONDS, PAUSE_SECONDS * 2 ** max(0, attempts - 1)))


def pause_after(attempts: int) -> float:
    """Seconds to wait now: anything up to the longest."""
    return random.uniform(0.0, pause_limit(attempts))  # noqa: S311 - spreads load, guards nothing
