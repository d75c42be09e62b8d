"""Once a second, and at once when an upstream fails: what was seen becomes a report."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from proxy.contract.reports import AnomalyReport, Ejection
from proxy.contract.session import Report
from proxy.current import Current
from proxy.healing.detector import Detector
from proxy.healing.warden import Warden
from proxy.outbox import Outbox
from proxy.spool import EventSpool
from proxy.windows import Windows
from proxy.writer import LatestWriter

TICK_SECONDS = 1.0
COALESCE_SECONDS = 0.1
EJECTIONS_SECONDS = 15.0
"""After so long every active ejection is told again, so that whoever lost a report converges."""


class Reporter:
    """Fills the outbox; keeps its events on disk until they are delivered."""

    def __init__(
        self,
        current: Current,
        windows: Windows,
        detector: Detector,
        outbox: Outbox,
        spool: EventSpool,
        now: Callable[[], float] = time.time,
        warden: Warden | None = None,
    ) -> None:
        self._current = current
        self._windows = windows
        self._detector = detector
        self._outbox = outbox
        self._spool = spool
        self._writer: LatestWriter[list[AnomalyReport]] = LatestWriter(
            spool.keep, name="keep events"
        )
        self._now = now
        self._since = now()
        self._had_events = False
        self._woken = asyncio.Event()
        self.fresh = asyncio.Event()
        """Set when there is something new to send."""
        self.receipted = asyncio.Event()
        """Set when a receipt has come."""
        self.heir: Callable[[Report], None] | None = None
        """Takes what is seen from now on: another process reports, and keeps events on disk."""
        self._warden = warden or Warden(current)
        self._ejections_due = 0.0
        self._has_ejections = True
        """Did the last word name one? The first says so, as a former process may have had some."""
        detector.wake = self._warden.wake = self._woken.set

    def restore(self) -> None:
        """Queue again what a former process could not deliver."""
        events = self._spool.load()
        if events:
            now = self._now()
            self._outbox.add(now, now, events=events)
            self._had_events = True
            self.fresh.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._woken.wait()
            if loop.time() < due:
                await asyncio.sleep(COALESCE_SECONDS)
                self._woken.clear()
                self.notice()
            else:
                due = max(due + TICK_SECONDS, loop.time())
                self.tick()

    def tick(self) -> None:
        """Report the window that ends now, and every event in it."""
        now = self._now()
        self._add(self._since, now, with_windows=True)
        self._since = now

    def notice(self) -> None:
        """Report events only; the open window goes on."""
        now = self._now()
        self._add(now, now, with_windows=False)

    def received(self, seq: int) -> None:
        """The console keeps reports up to `seq`."""
        self._outbox.receipt(seq)
        self.receipted.set()
        self._keep()

    async def settled(self, timeout: float) -> None:
        """Wait until every event is on disk, `timeout` seconds at most."""
        await self._writer.settled(timeout)

    def _add(self, start: float, end: float, *, with_windows: bool) -> None:
        windows = self._windows.drain() if with_windows else []
        table = self._current.table
        events = self._detector.tick(table.endpoint_stats(), end, table.digest)
        news = self._warden.take()
        events += news
        ejections = self._ejections(end, is_due=bool(news)) if self.heir is None else None
        if not windows and not events and ejections is None:
            return
        if self.heir is not None:
            self.heir(
                Report(
                    seq=0, window_start=min(start, end), window_end=end, up=windows, events=events
                )
            )
            return
        self._outbox.add(min(start, end), end, windows, events, ejections, is_own=True)
        if events:
            self._keep()
        self.fresh.set()

    def _ejections(self, now: float, is_due: bool) -> tuple[Ejection, ...] | None:
        """All that are active, when there is news or it is time; that there are none is said
        once."""
        if not is_due and 0 <= self._ejections_due - now <= EJECTIONS_SECONDS:
            return None
        told = self._warden.told()
        if not told and not self._has_ejections:
            return None
        self._ejections_due = now + EJECTIONS_SECONDS
        self._has_ejections = bool(told)
        return told

    def adopt(self, report: Report) -> None:
        """Report what another process has seen."""
        self._outbox.add(report.window_start, report.window_end, report.up, report.events)
        if report.events:
            self._keep()
        self.fresh.set()

    def _keep(self) -> None:
        if self.heir is not None:
            return
        events = self._outbox.events()
        if events or self._had_events:
            self._had_events = bool(events)
            self._writer.put(events)
