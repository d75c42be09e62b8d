"""Taking windows in: reports are added up in memory and written to Redis, repeatably."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from meshconsole.core.errors import Degraded
from meshconsole.core.redis import async_client
from meshconsole.telemetry.accumulator import Bucket, bucket_for
from meshconsole.telemetry.seen import Seen
from meshconsole.telemetry.store import (
    BUCKET_SECONDS,
    KEPT_SECONDS,
    edges_key,
    instances_key,
    seen_key,
)
from proxy.contract.identity import InstanceIdentity
from proxy.contract.session import Report

logger = logging.getLogger(__name__)

BUCKETS_HELD = 60
"""Unwritten buckets held while Redis is away: ten minutes; then the oldest are given up."""
BOOTS_HELD = 20_000
WAITING_HELD = 10_000
FLUSH_SECONDS = 5.0
_REMEMBERED_SECONDS = 120
_Waiting = tuple[InstanceIdentity, str, str, Report]


class WindowStore:
    """One shard's running totals; one event loop, one instance per process life.

    `add` never waits. What `add` took is durable once a `flush` that began later has returned.
    A sidecar that comes from another shard, or after this one restarted, sends again what it has
    no receipt for; which of it was taken is read from Redis at the next flush, before it counts.
    """

    def __init__(
        self, shard_id: str, *, redis: Any = None, now: Callable[[], float] = time.time
    ) -> None:
        self._life = f"{shard_id}.{secrets.token_hex(4)}"
        self._redis = redis
        self._now = now
        self._buckets: dict[int, Bucket] = {}
        self._opened = 0
        self._seen: dict[str, Seen] = {}
        self._waiting: list[_Waiting] = []
        self._waiting_keys: set[tuple[str, int]] = set()
        self._heard: set[str] = set()
        self._flushing = asyncio.Lock()
        self.malformed_count = 0
        """Windows whose numbers could not be true."""
        self.lost_count = 0
        """Buckets given up because Redis was away for too long."""

    def add(self, identity: InstanceIdentity, group: str, boot_id: str, report: Report) -> bool:
        """Count a report once, in any order; False when it was counted before."""
        if report.seq < 0:
            self.malformed_count += 1
            return False
        seen = self._seen.get(boot_id)
        if seen is None and len(self._waiting) < WAITING_HELD:
            key = (boot_id, report.seq)
            if key in self._waiting_keys:
                return False
            self._waiting_keys.add(key)
            self._waiting.append((identity, group, boot_id, report))
            return True
        if seen is None:
            seen = self._seen[boot_id] = Seen()
        if not seen.add(report.seq):
            return False
        self._heard.add(boot_id)
        self._count(identity, group, report)
        return True

    async def flush(self) -> None:
        """Write what has changed; raises Degraded when Redis does not take it in time.

        Nothing is forgotten by a failure: the next flush writes it.
        """
        async with self._flushing:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._flush()
            except (Degraded, TimeoutError) as error:
                self._give_up_oldest()
                raise Degraded(
                    "Redis does not take windows of traffic; they are held and written later."
                ) from error

    async def _flush(self) -> None:
        redis = self._redis if self._redis is not None else async_client(text=False)
        await self._admit_waiting(redis)
        dirty = {at: bucket for at, bucket in self._buckets.items() if bucket.dirty}
        heard, self._heard = self._heard, set()
        if not dirty and not heard:
            return
        for bucket in dirty.values():
            bucket.dirty = False
        try:
            await self._write(redis, dirty, heard)
        except BaseException:
            self._heard |= heard
            for bucket in dirty.values():
                bucket.dirty = True
            raise
        self._forget_old()

    async def _write(self, redis: Any, dirty: dict[int, Bucket], heard: Iterable[str]) -> None:
        async with redis.pipeline(transaction=True) as pipe:
            for at, bucket in dirty.items():
                for key, value in (
                    (edges_key(at), bucket.encoded_edges()),
                    (instances_key(at), bucket.encoded_instances()),
                ):
                    pipe.hset(key, bucket.writer, value)
                    pipe.expire(key, KEPT_SECONDS)
            numbers = {boot: self._seen[boot].encode() for boot in heard if boot in self._seen}
            if numbers:
                pipe.hset(seen_key(self._now()), mapping=numbers)
                pipe.expire(seen_key(self._now()), 2 * 3600)
            await pipe.execute()

    async def _admit_waiting(self, redis: Any) -> None:
        """Count the reports of boots that this life has not met, less those counted elsewhere."""
        if not self._waiting:
            return
        boots = list(dict.fromkeys(boot for _, _, boot, _ in self._waiting))
        now = self._now()
        async with redis.pipeline(transaction=False) as pipe:
            pipe.hmget(seen_key(now - 3600), boots)
            pipe.hmget(seen_key(now), boots)
            before, recent = await pipe.execute()
        for boot, *texts in zip(boots, before, recent, strict=True):
            seen = self._seen.setdefault(boot, Seen())
            for text in texts:
                if text:
                    seen.join(Seen.decode(text.decode()))
        waiting, self._waiting = self._waiting, []
        self._waiting_keys.clear()
        for identity, group, boot, report in waiting:
            if self._seen[boot].add(report.seq):
                self._heard.add(boot)
                self._count(identity, group, report)

    def _count(self, identity: InstanceIdentity, group: str, report: Report) -> None:
        now = self._now()
        at = bucket_for(report, now)
        if at is None or at < now - KEPT_SECONDS:
            self.malformed_count += len(report.up)
            return
        if not report.up:
            return
        bucket = self._buckets.get(at)
        if bucket is None:
            self._opened += 1
            bucket = self._buckets[at] = Bucket(f"{self._life}.{self._opened}")
        begin = min(max(report.window_start, at), at + BUCKET_SECONDS)
        bucket.cover(begin, max(begin, min(report.window_end, at + BUCKET_SECONDS)))
        for window in report.up:
            if not bucket.add(identity, group, window):
                self.malformed_count += 1

    def _forget_old(self) -> None:
        """Let go of written buckets; a late report opens a field of its own beside theirs."""
        limit = self._now() - _REMEMBERED_SECONDS
        for at in [at for at, b in self._buckets.items() if at < limit and not b.dirty]:
            del self._buckets[at]
        while len(self._seen) > BOOTS_HELD:
            del self._seen[next(iter(self._seen))]

    def _give_up_oldest(self) -> None:
        while len(self._buckets) > BUCKETS_HELD:
            oldest = min(self._buckets)
            del self._buckets[oldest]
            self.lost_count += 1
            logger.warning("window lost", extra={"bucket": oldest})
