"""One reader per process for all its browsers: woken by Redis, and every two seconds anyway.

Redis carries only the hint that there is something to read; rows come from the database. A dead
Redis therefore slows the feed down to the poll and loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils import timezone
from redis.exceptions import RedisError

from meshconsole.core import redis
from meshconsole.live.models import LiveEvent
from meshconsole.live.publish import CHANNEL
from meshconsole.live.selectors import OVERLAP_IDS, OVERLAP_SECONDS, Frame, cursor_now, frame
from meshconsole.live.services import events_prune
from meshconsole.live.watching import Watch
from proxy.aio import cancelled, spawn

POLL_SECONDS = 2.0
PRUNE_SECONDS = 600.0
READ_LIMIT = 1000
QUEUE_LIMIT = 1000
logger = logging.getLogger(__name__)
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


@dataclass(eq=False)
class Listener:
    """One browser: what it wants to hear, and what is waiting for it."""

    session_key: str
    user_id: int
    topics: frozenset[str]
    frames: asyncio.Queue[Frame | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=QUEUE_LIMIT)
    )
    """None means: leave now."""
    slow: bool = False

    def offer(self, given: Frame) -> None:
        """Queue a frame; one that cannot keep up is sent away and comes back with its cursor."""
        if self.topics and given["topic"] not in self.topics:
            return
        try:
            self.frames.put_nowait(given)
        except asyncio.QueueFull:
            self.slow = True
            self.leave()

    def leave(self) -> None:
        """End the listener as its next frame."""
        while self.frames.full():
            self.frames.get_nowait()
        self.frames.put_nowait(None)


def hub() -> Hub:
    """This event loop's hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


class Hub:
    """Reads new events once and hands them to every listener; sleeps while there is none."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.degraded = False
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._watch = Watch()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, listener: Listener) -> None:
        """Begin to hand events to this listener."""
        if not self._tasks:
            self._seen.clear()
            await self._read()
            self._seen.setdefault(0)
            self._tasks = [
                spawn(self._run(), name="live-hub"),
                spawn(self._listen(), name="live-hub-hints"),
            ]
        self.listeners.add(listener)

    async def part(self, listener: Listener) -> None:
        """Stop; the last one to leave turns off the light."""
        self.listeners.discard(listener)
        if not self.listeners and self._tasks:
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                await cancelled(task)

    async def _run(self) -> None:
        prune_at = look_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            self._wake.clear()
            try:
                self._offer(await self._read())
                if loop.time() >= look_at:
                    look_at = loop.time() + POLL_SECONDS
                    self._offer_figures(await database_sync_to_async(self._watch.changed)())
                await self._dismiss_signed_out()
                if loop.time() >= prune_at:
                    prune_at = loop.time() + PRUNE_SECONDS
                    await database_sync_to_async(events_prune)(timezone.now())
            except DatabaseError:
                logger.warning("live feed cannot read", exc_info=True)

    def _offer(self, frames: list[Frame]) -> None:
        for given in frames:
            for listener in list(self.listeners):
                listener.offer(given)

    def _offer_figures(self, frames: list[Frame]) -> None:
        """Figures are no events: whoever wants all events does not get them."""
        for given in frames:
            for listener in list(self.listeners):
                if given["topic"] in listener.topics:
                    listener.offer(given)

    async def _listen(self) -> None:
        while True:
            subscription = redis.async_client(wait_forever=True).pubsub()
            try:
                await asyncio.wait_for(subscription.subscribe(CHANNEL), redis.TIMEOUT_SECONDS)
                self.degraded = False
                self._wake.set()
                async for _ in subscription.listen():
                    self._wake.set()
            except (RedisError, OSError, TimeoutError):
                self.degraded = True
            finally:
                await subscription.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(POLL_SECONDS)

    async def _read(self) -> list[Frame]:
        fresh: list[Frame] = await database_sync_to_async(_recent)(
            set(self._seen), max(self._seen, default=0)
        )
        for given in fresh:
            self._seen[given["id"]] = None
        for _ in range(len(self._seen) - 4 * READ_LIMIT):
            self._seen.popitem(last=False)
        return fresh

    async def _dismiss_signed_out(self) -> None:
        if not self.listeners:
            return
        sessions = {listener.session_key for listener in self.listeners}
        users = {listener.user_id for listener in self.listeners}
        valid = await database_sync_to_async(_still_valid)(sessions, users)
        for listener in list(self.listeners):
            if listener.session_key not in valid[0] or listener.user_id not in valid[1]:
                listener.leave()


def _recent(seen: Collection[int], newest: int) -> list[Frame]:
    if not seen:
        # A hub that just woke up: what is there already was sent to the page by its cursor.
        start = cursor_now()
        recent = LiveEvent.objects.filter(id__gt=start - OVERLAP_IDS).order_by("id")
        return [frame(event) for event in recent]
    overlap = timezone.now() - timedelta(seconds=OVERLAP_SECONDS)
    rows = LiveEvent.objects.filter(id__gt=newest) | LiveEvent.objects.filter(
        id__gt=newest - OVERLAP_IDS, at__gte=overlap
    )
    return [frame(event) for event in rows.order_by("id")[:READ_LIMIT] if event.pk not in seen]


def _still_valid(sessions: Collection[str], users: Collection[int]) -> tuple[set[str], set[int]]:
    live = Session.objects.filter(pk__in=list(sessions), expire_date__gt=timezone.now())
    active = get_user_model()._default_manager.filter(pk__in=list(users), is_active=True)
    return (
        set(live.values_list("pk", flat=True)),
        set(active.values_list("pk", flat=True)),
    )
