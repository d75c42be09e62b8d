"""How much of its life a certificate has left, and how that is called and drawn; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

Look = Literal["ok", "warn", "bad"]
WARN_SHARE = 0.25
"""Renewal is due at half of a life; with a quarter left it has failed for hours."""
BAD_SHARE = 1 / 24
BINS = 24
HORIZON = timedelta(hours=24)


class Life(msgspec.Struct, frozen=True):
    """Where in its life a certificate stands."""

    look: Look
    word: str
    share_left: float
    """0 to 1."""


def life_of(begins_at: datetime, ends_at: datetime, now: datetime) -> Life:
    """What is left of a life, with a word for it: valid, ends soon, ends now, ended."""
    whole = (ends_at - begins_at).total_seconds()
    left = (ends_at - now).total_seconds()
    share = min(1.0, max(0.0, left / whole)) if whole > 0 else 0.0
    if left <= 0:
        return Life("bad", "ended", 0.0)
    if share <= BAD_SHARE:
        return Life("bad", "ends now", share)
    return Life("warn", "ends soon", share) if share <= WARN_SHARE else Life("ok", "valid", share)


class Bin(msgspec.Struct, frozen=True):
    """Certificates that end in one hour from now on; the first has those that ended, too."""

    hour: int
    count: int
    look: Look
    """The worst of them."""


def bins_of(lives: Iterable[tuple[datetime, datetime]], now: datetime) -> list[Bin]:
    """Certificates by the hour in which they end; the last bin has all that last longer."""
    counts: Counter[int] = Counter()
    looks: dict[int, Look] = {}
    order: tuple[Look, ...] = ("bad", "warn", "ok")
    for begins_at, ends_at in lives:
        hour = int((ends_at - now).total_seconds() // 3600)
        hour = min(BINS - 1, max(0, hour))
        counts[hour] += 1
        look = life_of(begins_at, ends_at, now).look
        looks[hour] = min(look, looks.get(hour, look), key=order.index)
    return [Bin(hour, counts[hour], looks.get(hour, "ok")) for hour in range(BINS)]
