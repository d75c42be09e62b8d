"""Forget events that no browser will ask for any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from meshconsole.live.models import LiveEvent

KEEP_SECONDS = 24 * 3600
KEEP_ROWS = 20_000


def events_prune(now: datetime) -> int:
    """Remove events older than a day or beyond the newest 20,000; returns how many."""
    old = LiveEvent.objects.filter(at__lt=now - timedelta(seconds=KEEP_SECONDS))
    newest = LiveEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    surplus = LiveEvent.objects.filter(id__lte=newest - KEEP_ROWS)
    # The newest row stays, so that a cursor into it still means something.
    return (old | surplus).exclude(id=newest).delete()[0]
