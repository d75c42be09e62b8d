"""What a shard tells Redis of its streams: leases, acks and its own counters, in few commands."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import msgspec

from meshconsole.discovery import keys
from meshconsole.discovery.leases import RENEW_SECONDS, fresh_ends
from meshconsole.discovery.streams import Stream
from meshconsole.discovery.watch import FAILURES

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
"""Acks and refusals wait this long for company."""
TURNS_BETWEEN_RETELLING = 6
_AGAIN_SECONDS = 1.0
_ANSWER_SECONDS = 5.0


class SyncWriter:
    """Writes what has changed, all of it again after Redis was away; never holds up a stream."""

    def __init__(
        self,
        redis: Any,
        shard: str,
        streams: Mapping[str, Stream],
        counts: Counter[str],
        now: Callable[[], float],
    ) -> None:
        self._redis = redis
        self._shard = shard
        self._streams = streams
        self._counts = counts
        self._now = now
        self._changed: set[str] = set()
        self._fresh: set[str] = set()
        self._left: set[str] = set()
        self._work = asyncio.Event()
        self._since: object = None

    def changed(self, instance: str) -> None:
        """Write this stream's state soon."""
        self._changed.add(instance)
        self._work.set()

    def opened(self, instance: str) -> None:
        """Write its lease soon as well."""
        self._left.discard(instance)
        self._fresh.add(instance)
        self.changed(instance)

    def left(self, instance: str) -> None:
        """It said goodbye: its lease and state are removed soon."""
        self._left.add(instance)
        self._work.set()

    async def run(self) -> None:
        """Write changes as they come, gathered."""
        while True:
            await self._work.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._work.clear()
            if not await self._tried(self._write_changes):
                self._changed.update(self._streams)
                self._fresh.update(self._streams)
                self._work.set()
                await asyncio.sleep(_AGAIN_SECONDS)

    async def run_leases(self) -> None:
        """Renew every lease in one command, for ever, and now and then say every state again:
        another shard may have held the sidecar's earlier stream and spoken last."""
        for turn in count():
            if turn % TURNS_BETWEEN_RETELLING == 0:
                self._changed.update(self._streams)
                self._work.set()
            await self._tried(self._renew)
            await asyncio.sleep(RENEW_SECONDS)

    async def _tried(self, write: Callable[[], Any]) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await write()
        except FAILURES as error:
            self._counts["redis_failures"] += 1
            logger.warning("sync state waits for redis", extra={"error": str(error)})
            return False
        return True

    async def _write_changes(self) -> None:
        changed, self._changed = self._changed, set()
        fresh, self._fresh = self._fresh, set()
        left, self._left = self._left, set()
        now = self._now()
        rows = {
            instance: stream.sync_row(shard=self._shard)
            for instance in changed
            if (stream := self._streams.get(instance)) is not None
        }
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                if left:
                    pipe.zrem(keys.LEASES, *left)
                    pipe.hdel(keys.SYNC, *left)
                if rows:
                    pipe.hset(keys.SYNC, mapping=rows)
                if ends := fresh_ends([one for one in fresh if one in self._streams], now):
                    pipe.zadd(keys.LEASES, ends)
                await pipe.execute()
        except BaseException:
            self._left |= left
            raise

    async def _renew(self) -> None:
        now = self._now()
        async with self._redis.pipeline(transaction=False) as pipe:
            if self._streams:
                pipe.zadd(keys.LEASES, fresh_ends(self._streams, now))
            counts = {"at": now, "streams": len(self._streams), **self._counts}
            pipe.hset(keys.SHARDS, self._shard, msgspec.json.encode(counts))
            pipe.get(keys.SINCE)
            *_, since = await pipe.execute()
        if since != self._since:  # another Redis, or an emptied one: it knows nothing of us
            self._since = since
            self._changed.update(self._streams)
            self._work.set()
