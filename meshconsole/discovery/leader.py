"""The one compiler: leads by a lease, compiles when intent changed, publishes, reaps leases.

Level, not edge: it compares the committed revision with the compiled one every second, and a hint
only makes it look sooner. Its fence goes out with every head, so what a former leader still writes
is refused.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import Error as DatabaseError

from meshconsole.audit.services import audit_record
from meshconsole.core import lease, revision
from meshconsole.discovery import keys
from meshconsole.discovery.compilation import Compiled, compile_now
from meshconsole.discovery.desk import Desk
from meshconsole.discovery.heads import head_read
from meshconsole.discovery.leases import RENEW_SECONDS, Verdict, may_reap, reap
from meshconsole.discovery.publish import publish, refresh
from meshconsole.discovery.watch import FAILURES
from meshconsole.inventory.services import instances_gone

logger = logging.getLogger(__name__)

LEASE_NAME = "discovery.compiler"
LEASE_SECONDS = 5.0
LOOK_SECONDS = 1.0
QUIET_SECONDS = 0.1
"""A change waits this long for the next one, and `SETTLE_SECONDS` at most."""
SETTLE_SECONDS = 1.0
_REFRESH_SECONDS = 60.0
_SHARD_FORGOTTEN_SECONDS = 300.0
_ANSWER_SECONDS = 10.0


class Leader:
    """A candidate in every shard's process; at most one of them leads."""

    def __init__(self, holder: str, redis: Any, counts: Counter[str]) -> None:
        self._holder = holder
        self._redis = redis
        self._counts = counts
        self._desk = Desk("discovery-leader")
        self._hint = asyncio.Event()
        self.fence = 0
        self._leads_until = 0.0
        self._led_since = 0.0
        self._compiled: Compiled | None = None
        self._refreshed_at = self._reaped_at = 0.0
        self._spared: dict[str, tuple[str, ...]] = {}
        self._refused: tuple[int, int] | None = None

    @property
    def leads(self) -> bool:
        """Does this process lead, as far as it can know?"""
        return time.monotonic() < self._leads_until

    def hint(self) -> None:
        """Intent may have changed: look now."""
        self._hint.set()

    async def run(self) -> None:
        """Lead whenever the lease is free, for ever."""
        while True:
            try:
                await self._turn()
            except (DatabaseError, *FAILURES) as error:
                self._counts["leader_failures"] += 1
                logger.warning("the compiler waits", extra={"error": str(error)})
            except Exception:  # what cannot be compiled now may be repaired by an operator
                self._counts["leader_failures"] += 1
                logger.exception("compilation failed; sidecars keep what they have")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._hint.wait()
            except TimeoutError:
                continue

    async def release(self) -> None:
        """Give the lease back, so that another process leads at once."""
        if self.leads:
            self._leads_until = 0.0
            await self._desk.ask(
                lease.release, LEASE_NAME, self._holder, self.fence, datetime.now(UTC)
            )

    async def _turn(self) -> None:
        self._hint.clear()
        await self._hold()
        if not self.leads:
            return
        current = await self._desk.ask(revision.current)
        if self._compiled is None or self._compiled.head.v != current:
            await self._settle()
            await self._compile()
        await self._keep_published()
        now = time.time()
        if now - self._reaped_at >= RENEW_SECONDS:
            self._reaped_at = now
            await self._reap(now)

    async def _hold(self) -> None:
        """Take or keep the lease; the answer counts from before the question was asked."""
        if self._leads_until - time.monotonic() > LEASE_SECONDS * 2 / 3:
            return
        asked = time.monotonic()
        fence = await self._desk.ask(
            lease.acquire, LEASE_NAME, self._holder, LEASE_SECONDS, datetime.now(UTC)
        )
        if fence is None:
            self._leads_until = 0.0
            return
        if fence != self.fence:
            logger.info("leading", extra={"fence": fence})
            self._led_since = time.time()
            self._compiled = None
        self.fence = fence
        self._leads_until = asked + LEASE_SECONDS

    async def _settle(self) -> None:
        """Wait until changes pause."""
        ends = time.monotonic() + SETTLE_SECONDS
        while (left := ends - time.monotonic()) > 0:
            self._hint.clear()
            try:
                async with asyncio.timeout(min(QUIET_SECONDS, left)):
                    await self._hint.wait()
            except TimeoutError:
                return

    async def _compile(self) -> None:
        previous = self._compiled
        if previous is None:
            previous = await self._published()
        self._compiled = await self._desk.ask(compile_now, previous, self.fence, time.time())
        self._counts["compilations"] += 1
        await self._publish(self._compiled)

    async def _published(self) -> Compiled | None:
        """What the leader before has published, to keep blocked variants at it."""
        try:
            head = head_read(await self._redis.hgetall(keys.HEAD))
            if head is None or not head.variants:
                return None
            digests = sorted(set(head.variants.values()))
            found = await self._redis.mget([keys.snapshot_key(digest) for digest in digests])
        except FAILURES:
            return None
        snapshots = {digest: data for digest, data in zip(digests, found, strict=True) if data}
        return Compiled(head, snapshots, {})

    async def _publish(self, compiled: Compiled) -> None:
        async with asyncio.timeout(_ANSWER_SECONDS):
            if await publish(self._redis, compiled.head, compiled.snapshots):
                self._refused = None
                return
            self._counts["heads_refused"] += 1
            mark = (compiled.head.v, compiled.head.fence)
            if mark != self._refused:
                self._refused = mark
                logger.error(
                    "Redis holds a later head than this leader's; if the database was restored "
                    "from a backup, delete mesh:head in Redis.",
                    extra={"v": compiled.head.v, "fence": compiled.head.fence},
                )

    async def _keep_published(self) -> None:
        """A Redis that came back empty is filled again."""
        compiled = self._compiled
        if compiled is None:
            return
        v, fence = await self._redis.hmget(keys.HEAD, "v", "fence")
        if (int(v or 0), int(fence or 0)) != (compiled.head.v, compiled.head.fence):
            await self._publish(compiled)
        elif time.monotonic() - self._refreshed_at > _REFRESH_SECONDS:
            self._refreshed_at = time.monotonic()
            if not await refresh(self._redis, set(compiled.snapshots)):
                await self._publish(compiled)

    async def _reap(self, now: float) -> None:
        compiled = self._compiled
        await self._redis.set(keys.SINCE, str(now), nx=True)
        since = float(await self._redis.get(keys.SINCE) or now)
        await self._forget_shards(now)
        if compiled is None or not may_reap(
            now=now, store_since=since, leading_since=self._led_since
        ):
            return
        found = await self._redis.zrange(keys.LEASES, 0, -1, withscores=True)
        ends = {_text(instance): float(end) for instance, end in found}
        verdict = reap(compiled.leased, ends, now)
        if verdict.gone:
            await self._desk.ask(instances_gone, list(verdict.gone), "its lease ended")
            await self._redis.zrem(keys.LEASES, *verdict.gone)
            await self._redis.hdel(keys.SYNC, *verdict.gone)
            self._counts["leases_reaped"] += len(verdict.gone)
        await self._spare(verdict)

    async def _spare(self, verdict: Verdict) -> None:
        """Write down once what is kept although its lease ended."""
        for app, instances in verdict.spared.items():
            if app not in self._spared:
                await self._desk.ask(_audit_spared, app, instances)
        self._spared = verdict.spared

    async def _forget_shards(self, now: float) -> None:
        for shard, raw in (await self._redis.hgetall(keys.SHARDS)).items():
            if now - _told_at(raw) > _SHARD_FORGOTTEN_SECONDS:
                await self._redis.hdel(keys.SHARDS, shard)


def _audit_spared(app: str, instances: tuple[str, ...]) -> None:
    audit_record(
        actor="discovery",
        verb="lease.spare",
        object=f"application:{app}",
        after={"instances": list(instances)},
        reason="More than half of its instances lost their lease at once; all of them are kept.",
    )


def _told_at(raw: bytes) -> float:
    try:
        return float(msgspec.json.decode(raw)["at"])
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return 0.0


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
