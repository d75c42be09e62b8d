"""How a process ends: in an order in which no request notices, or at once when told twice.

Not ready, unpublish, announce on kept connections, accept who waits and then nobody, drain, keep
what was seen. After a handover there is nothing to unpublish and the queues are somebody else's.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from proxy import aio
from proxy.control import Alone
from proxy.errors import Refusal
from proxy.notify import STOPPING, notify

if TYPE_CHECKING:
    from proxy.assembly import Process

logger = logging.getLogger("proxy")

FAREWELL_SECONDS = 0.5
"""After unpublishing, callers need a moment to hear of it; until then they are still accepted."""


class Leaving:
    """The end of one process, and what brings it about."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._begun = asyncio.Event()
        self._at_once = asyncio.Event()
        self._signalled = False

    @property
    def begun(self) -> bool:
        """Does the process end?"""
        return self._begun.is_set()

    def begin(self) -> None:
        """Leave."""
        self._begun.set()

    def heed_signals(self) -> None:
        """SIGTERM and SIGINT begin it, the second of them ends it; SIGUSR2 starts a successor."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        loop.add_signal_handler(signal.SIGUSR2, self._told_to_upgrade)

    async def over(self) -> int:
        """Wait until it begins, and see it through; the exit status: 0, or 1 when cut short."""
        await self._begun.wait()
        leaving = aio.spawn(self._leave(), name="leave")
        hurried = aio.spawn(self._at_once.wait(), name="told to stop again")
        await asyncio.wait({leaving, hurried}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            await aio.cancelled(hurried)
            return 0
        logger.warning("told to stop again: what is under way is cut off")
        await aio.cancelled(leaving)
        self._process.server.cut_off()
        if self._process.crew is not None:
            self._process.crew.kill()
        return 1

    async def _leave(self) -> None:
        logger.info("draining")
        process = self._process
        process.server.draining = True
        if process.passage.heir is not None:
            process.control.bequest.pass_on(process.passage.pass_on)
            process.server.stop_accepting()
            process.admin.close()
            cut = await self._drain(process.settings.limits.handover_seconds)
        else:
            notify(STOPPING)
            await process.control.leave()
            await self._announce()
            if not isinstance(process.control, Alone):
                await asyncio.sleep(FAREWELL_SECONDS)
            cut = await self._drain(process.settings.limits.drain_seconds)
        await process.control.retire()
        await process.passage.close()
        process.admin.close()
        if cut:
            logger.warning("%d connections were cut off after the drain", cut)

    async def _announce(self) -> None:
        self._process.server.start_draining()
        if self._process.crew is not None:
            await self._process.crew.announce()

    async def _drain(self, seconds: float) -> int:
        process = self._process
        if process.crew is None:
            return await process.server.drain(seconds)
        process.server.stop_accepting()  # the workers have the sockets, until they end
        return await process.crew.drain(seconds)

    def _told_to_stop(self) -> None:
        if self._signalled:
            self._at_once.set()
        self._signalled = True
        self._begun.set()

    def _told_to_upgrade(self) -> None:
        try:
            self._process.passage.upgrade()
        except Refusal as refusal:
            logger.warning("%s", refusal.sentence)
