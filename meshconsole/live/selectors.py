"""What a browser missed: events after a cursor, bounded, in order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from django.utils import timezone

from meshconsole.live.models import LiveEvent

BATCH_LIMIT = 500
OVERLAP_IDS = 200
OVERLAP_SECONDS = 30


class Frame(TypedDict):
    """One event as browsers and scripts get it."""

    id: int
    topic: str
    kind: str
    ref: str
    data: dict[str, Any]
    at: str


@dataclass(frozen=True)
class CatchUp:
    """Events to send and the cursor after them; `reset` asks for a reload of the page's data."""

    frames: list[Frame]
    cursor: int
    reset: bool = False


def cursor_now() -> int:
    """The newest event's id; 0 before the first."""
    return LiveEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def events_since(since: int, topics: Collection[str] = ()) -> CatchUp:
    """Everything after `since` of these topics (all without any).

    Ids are given out before commit, so an id below the cursor may appear late: recent ones just
    below it are sent again, and the receiver drops ids that it knows. More than BATCH_LIMIT, or
    events that were pruned since, give a reset.
    """
    newest = cursor_now()
    if since > newest or _was_pruned(since):
        return CatchUp([], newest, reset=True)
    rows = LiveEvent.objects.filter(id__gt=since) | LiveEvent.objects.filter(
        id__gt=since - OVERLAP_IDS, at__gte=timezone.now() - timedelta(seconds=OVERLAP_SECONDS)
    )
    if topics:
        rows = rows.filter(topic__in=list(topics))
    found = list(rows.order_by("id")[: BATCH_LIMIT + 1])
    if len(found) > BATCH_LIMIT:
        return CatchUp([], newest, reset=True)
    return CatchUp([frame(event) for event in found], max(newest, since))


def frame(event: LiveEvent) -> Frame:
    """An event on the wire, under 4 kB."""
    return Frame(
        id=event.pk,
        topic=event.topic,
        kind=event.kind,
        ref=event.ref,
        data=event.data,
        at=event.at.isoformat(),
    )


def _was_pruned(since: int) -> bool:
    oldest = LiveEvent.objects.order_by("id").values_list("id", flat=True).first()
    return since > 0 and oldest is not None and since < oldest - 1
