"""Reports in, receipts out: a receipt is sent only for what is kept.

Windows are kept when Redis has taken them, anomalies when the database has. When a report cannot be
taken the stream ends, and the sidecar sends everything without a receipt again on its next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from meshconsole.core.errors import MeshError
from meshconsole.core.quota import Bucket
from meshconsole.discovery.arrivals import OUTAGES
from meshconsole.discovery.desk import Desk
from meshconsole.discovery.fair import FairQueue
from meshconsole.discovery.refusals import Refusals
from meshconsole.discovery.streams import Stream
from meshconsole.discovery.upstreams import Upstreams
from meshconsole.healing.evidence.claims import Message
from meshconsole.healing.services import messages_ingest
from meshconsole.telemetry.services import WindowStore
from proxy.aio import spawn
from proxy.contract.session import Receipt, Report

logger = logging.getLogger(__name__)

RATE_PER_SECOND = 5.0
BURST = 1200.0
"""A sidecar that was alone for long brings up to a thousand reports at once."""
FLUSH_SECONDS = 1.0
REPORTS_WAITING_LIMIT, WAITING_EACH_LIMIT = 20_000, 1_024
EVENTS_TOGETHER = 400
"""So many are stored in one transaction: a tenth of a second's work, and who comes meanwhile waits
for no more than that and a turn of everybody else who has something to say."""
UNRECEIPTED_LIMIT = 2_048
EVENTS_PER_REPORT, WINDOWS_PER_REPORT = 64, 1024
"""More than a sidecar ever puts in one report: each is work for the database or this loop."""
EVENTS_PER_TOKEN = 8
"""So many anomalies, or ejections, cost as much of the quota as a report."""
_AGAIN_SECONDS = 1.0

Send = Callable[[Stream, Receipt], Coroutine[Any, Any, None]]


class Intake:
    """One shard's reports: windows added up, anomalies stored, both receipted."""

    def __init__(
        self,
        desk: Desk,
        windows: WindowStore,
        counts: Counter[str],
        send: Send,
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self.refusals = Refusals(desk, now)
        self._desk = desk
        self._windows = windows
        self._counts = counts
        self._send = send
        self._clock = clock
        self._now = now
        self._upstreams = Upstreams()
        self._events: FairQueue[tuple[Stream, Report]] = FairQueue(
            each_limit=WAITING_EACH_LIMIT, limit=REPORTS_WAITING_LIMIT
        )
        self._has_events = asyncio.Event()
        self._unflushed: list[tuple[Stream, int]] = []

    def take(self, stream: Stream, report: Report) -> bool:
        """Take a report if quota and room allow; on False end the stream, it comes again."""
        if len(report.events) > EVENTS_PER_REPORT or len(report.up) > WINDOWS_PER_REPORT:
            self._counts["reports_too_long"] += 1
            self.refusals.note(
                stream.identity, "too_long", "More anomalies in one report than fit."
            )
            return False
        if not self.allowed(stream, len(report.events) + len(report.ejections or ())):
            self._counts["reports_over_quota"] += 1
            self.refusals.note(stream.identity, "over_quota", "It reports more than its quota.")
            return False
        waiting = stream.unreceipted
        if waiting is None:
            waiting = stream.unreceipted = {}
        identity = stream.identity.uri
        if len(waiting) >= UNRECEIPTED_LIMIT or not self._events.has_room(identity):
            self._counts["reports_not_taken"] += 1
            return False
        self._counts["reports"] += 1
        if report.seq in waiting:
            return True
        has_word = bool(report.events) or report.ejections is not None
        waiting[report.seq] = 2 if has_word else 1
        self._windows.add(stream.identity, stream.node.group, stream.node.boot_id, report)
        self._unflushed.append((stream, report.seq))
        if has_word:
            work = max(1, len(report.events) + len(report.ejections or ()))
            self._events.put(identity, (stream, report), work)
            self._has_events.set()
        return True

    async def run_windows(self) -> None:
        """Flush windows and receipt what was added before the flush began."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            batch, self._unflushed = self._unflushed, []
            try:
                await self._windows.flush()
            except MeshError as error:
                self._counts["flush_failures"] += 1
                logger.warning("windows wait for redis", extra={"error": str(error)})
                self._unflushed = batch + self._unflushed
                continue
            for stream, seq in batch:
                self._done(stream, seq)
            for stream in {id(stream): stream for stream, _ in batch}.values():
                self._receipt(stream)

    async def run_events(self) -> None:
        """Store anomalies, everybody in turn; while the database is away they wait."""
        while True:
            await self._has_events.wait()
            batch = self._events.take(EVENTS_TOGETHER)
            await self._kept(batch)
            if not self._events:
                self._has_events.clear()
            for stream, report in batch:
                self._done(stream, report.seq)
            for stream in {id(stream): stream for stream, _ in batch}.values():
                self._receipt(stream)

    async def _kept(self, batch: Sequence[tuple[Stream, Report]]) -> None:
        """Store a batch, however long the database is away."""
        while True:
            try:
                await self._keep(batch)
            except OUTAGES as error:
                logger.warning("anomalies wait for the database", extra={"error": str(error)})
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    async def _keep(self, batch: Sequence[tuple[Stream, Report]]) -> None:
        """Store what a batch reports, all at once; of one that will not go, each half by itself."""
        try:
            messages = [_message(stream, report) for stream, report in batch]
            await self._desk.ask(
                messages_ingest, messages, now=self._now(), may_speak=self._upstreams.may_speak
            )
        except OUTAGES:
            raise
        except Exception:  # it would fail again and hold up every other report
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._keep(batch[:middle])
                await self._keep(batch[middle:])
                return
            self._counts["reports_refused"] += 1
            logger.exception("anomalies of a report could not be kept")

    def allowed(self, stream: Stream, events: int = 0) -> bool:
        """Does the quota of this sidecar cover one more message that tells of so much?"""
        now = self._clock()
        if stream.reports is None:
            stream.reports = Bucket(rate=RATE_PER_SECOND, burst=BURST, now=now)
        return stream.reports.take(now, 1.0 + events / EVENTS_PER_TOKEN)

    def _done(self, stream: Stream, seq: int) -> None:
        waiting = stream.unreceipted
        if waiting is not None and seq in waiting:
            waiting[seq] -= 1

    def _receipt(self, stream: Stream) -> None:
        """Receipt the highest number below which nothing is open; never waits for a reader."""
        waiting = stream.unreceipted or {}
        covered: int | None = None
        for seq in sorted(waiting):
            if waiting[seq] > 0:
                break
            covered = seq
        if covered is None:
            return
        for seq in [seq for seq in waiting if seq <= covered]:
            del waiting[seq]
        spawn(self._send(stream, Receipt(seq=covered)), name="discovery-receipt")


def _message(stream: Stream, report: Report) -> Message:
    return Message(
        reporter=stream.identity,
        boot_id=stream.node.boot_id,
        seq=report.seq,
        events=report.events,
        ejections=report.ejections,
        said_at=report.window_end,
    )
