"""Hears what changed: announcements by pub/sub, and a look every two seconds for those it lost."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from redis.exceptions import RedisError

from meshconsole.core.errors import Degraded
from meshconsole.discovery import keys
from meshconsole.discovery.bundles import Shelf
from meshconsole.discovery.heads import Head, head_read

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
_AGAIN_SECONDS = 0.5
_ANSWER_SECONDS = 5.0
FAILURES = (RedisError, Degraded, OSError, TimeoutError)


class HeadWatch:
    """Keeps a shard's head and the snapshots it needs; never goes back to an earlier head."""

    def __init__(
        self,
        redis: Any,
        shelf: Shelf,
        counts: Counter[str],
        wanted: Callable[[Head], Iterable[str]],
        adopted: Callable[[], None],
    ) -> None:
        self.head = Head()
        self._redis = redis
        self._shelf = shelf
        self._counts = counts
        self._wanted = wanted
        self._adopted = adopted
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: a head was announced, or a stream needs a snapshot that is not here."""
        self._woken.set()

    async def run(self) -> None:
        """Look when woken and every two seconds."""
        while True:
            self._woken.clear()
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._look()
            except FAILURES as error:
                self._counts["redis_failures"] += 1
                logger.warning("redis is away; serving from memory", extra={"error": str(error)})
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        head = self.head
        v, fence = await self._redis.hmget(keys.HEAD, "v", "fence")
        if v is not None and fence is not None and (int(v), int(fence)) != (head.v, head.fence):
            found = head_read(await self._redis.hgetall(keys.HEAD))
            if found is not None and found.follows(head):
                head = found
            elif found is not None:
                self._counts["heads_refused"] += 1
        missing = sorted({digest for digest in self._wanted(head) if digest not in self._shelf})
        loaded = await self._load(missing) if missing else 0
        if head is not self.head or loaded:
            self._shelf.head_changed(set(head.variants.values()))
            self.head = head
            self._adopted()

    async def _load(self, digests: list[str]) -> int:
        found = await self._redis.mget([keys.snapshot_key(digest) for digest in digests])
        loaded = 0
        for digest, data in zip(digests, found, strict=True):
            if data is None:
                self._counts["snapshots_missing"] += 1
                continue
            self._shelf.keep(digest, data)
            loaded += 1
        return loaded


async def listen(redis: Any, calls: Mapping[str, Callable[[], None]]) -> None:
    """Call for every announcement on these channels, for ever; silence is checked elsewhere."""
    while True:
        try:
            async with redis.pubsub() as channels:
                await channels.subscribe(*calls)
                for call in calls.values():
                    call()
                async for message in channels.listen():
                    if message["type"] == "message":
                        _call(calls, message["channel"])
        except FAILURES as error:
            logger.warning("announcements are not heard", extra={"error": str(error)})
        await asyncio.sleep(_AGAIN_SECONDS)


def _call(calls: Mapping[str, Callable[[], None]], channel: bytes | str) -> None:
    name = channel if isinstance(channel, str) else channel.decode()
    if (call := calls.get(name)) is not None:
        call()
