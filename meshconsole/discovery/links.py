"""Link states and ledgers on their way to Redis: the latest of each sidecar, gathered."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from meshconsole.discovery.watch import FAILURES
from meshconsole.telemetry.links import HEARD, KEPT_SECONDS, TOLD, Told, encode

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.2
"""A sidecar speaks every two seconds at most; those of one shard are written together."""
FORGET_SECONDS = 60.0
WAITING_LIMIT = 20_000
LIVES_LIMIT = 32
"""Of one sidecar, that are kept: one that makes up a new life for every word keeps no more."""
_SIDECARS_LIMIT = 20_000
_AGAIN_SECONDS = 1.0
_ANSWER_SECONDS = 5.0


class LinkWriter:
    """Writes what has come; a later word of the same life takes the place of one that waits."""

    def __init__(self, redis: Any, counts: Counter[str], now: Callable[[], float]) -> None:
        self._redis = redis
        self._counts = counts
        self._now = now
        self._waiting: dict[str, Told] = {}
        self._lives: dict[str, dict[str, None]] = {}
        """Lives by sidecar, the one that is the newest here last."""
        self._surplus: set[str] = set()
        """Lives past the limit, to be forgotten with the next writing."""
        self._work = asyncio.Event()
        self._forgot_at = 0.0

    def put(self, told: Told) -> None:
        """Write this soon; it never waits."""
        if told.name not in self._waiting and len(self._waiting) >= WAITING_LIMIT:
            self._counts["links_dropped"] += 1
            return
        self._waiting[told.name] = told
        self._note_life(told)
        self._work.set()

    def _note_life(self, told: Told) -> None:
        lives = self._lives.setdefault(told.instance, {})
        if told.name in lives:
            return
        lives[told.name] = None
        self._surplus.discard(told.name)
        if len(lives) > LIVES_LIMIT:
            oldest = next(iter(lives))
            del lives[oldest]
            self._waiting.pop(oldest, None)
            self._surplus.add(oldest)
        if len(self._lives) > _SIDECARS_LIMIT:
            del self._lives[next(iter(self._lives))]

    async def run(self) -> None:
        """Write for ever; while Redis is away the latest words wait."""
        while True:
            await self._work.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._work.clear()
            batch, self._waiting = self._waiting, {}
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await self._write(batch)
            except FAILURES as error:
                self._counts["redis_failures"] += 1
                logger.warning("link states wait for redis", extra={"error": str(error)})
                self._waiting = batch | self._waiting
                self._work.set()
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _write(self, batch: dict[str, Told]) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(TOLD, mapping={name: encode(told) for name, told in batch.items()})
            pipe.zadd(HEARD, {name: told.at for name, told in batch.items()})
            await pipe.execute()
        surplus = list(self._surplus)
        await self._remove(surplus)
        self._surplus.difference_update(surplus)
        now = self._now()
        if now - self._forgot_at >= FORGET_SECONDS:
            self._forgot_at = now
            await self._forget(now - KEPT_SECONDS)

    async def _forget(self, before: float) -> None:
        await self._remove(await self._redis.zrangebyscore(HEARD, "-inf", before))

    async def _remove(self, names: Sequence[Any]) -> None:
        if names:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hdel(TOLD, *names)
                pipe.zrem(HEARD, *names)
                await pipe.execute()
