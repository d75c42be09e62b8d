"""A worker process: `python -m proxy.workers FD`, started by a parent and by nobody else."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket

import uvloop

from proxy import aio
from proxy.assembly import Process
from proxy.handover.taking import adopted
from proxy.settings import InvalidSettings
from proxy.sockets import Sockets
from proxy.wire import Ended, Wire
from proxy.workers.teller import Teller
from proxy.workers.told import Told
from proxy.workers.words import (
    FROM_PARENT,
    Accept,
    Accepting,
    Announce,
    Drain,
    Failed,
    FromParent,
    Gone,
    Identify,
    Regard,
    Setup,
    Swap,
    Swapped,
    Up,
    settings_heard,
)

logger = logging.getLogger("proxy.worker")

SETUP_SECONDS = 10.0


class Worker:
    """One worker, from its setup to its end."""

    def __init__(self, wire: Wire[FromParent]) -> None:
        self._wire = wire

    async def run(self) -> int:
        """Serve until the parent says drain, or is gone; the exit status."""
        setup = await self._wire.receive(SETUP_SECONDS)
        if not isinstance(setup, Setup):
            raise Ended("The parent did not say what this worker is to be.")
        process = Process(settings_heard(setup.settings, mesh=setup.mesh))
        told = process.be_told(Told(process.current, process.holder))
        told.swap(setup.swap)
        told.identify(setup.identity)
        process.server.sockets = Sockets(adopted(self._wire, setup.given))
        try:
            await process.open()
        except InvalidSettings as error:
            await self._wire.send(Failed(why=str(error)))
            return 1
        gc.collect()
        gc.freeze()
        teller = Teller(
            lambda: process.server.listeners, process.windows, told.failures, process.ledger
        )
        clock = aio.spawn(process.server.keep_time(), name="keep time")
        telling = aio.spawn(self._tell(process, told, teller), name="tell the parent")
        await self._wire.send(Up())
        seconds = await self._obey(process, told)
        cut = await process.server.drain(seconds)
        await aio.cancelled(telling)
        await aio.cancelled(clock)
        try:
            await self._wire.send(teller.seen())
            await self._wire.send(Gone(cut=cut))
        except Ended:
            logger.info("the parent does not hear the last of it")
        return 0

    async def _obey(self, process: Process, told: Told) -> float:
        """Do as told; the seconds that the drain may take."""
        while True:
            try:
                message = await self._wire.receive(None)
                match message:
                    case Swap():
                        told.swap(message)
                        await self._wire.send(Swapped(v=message.v))
                    case Identify():
                        told.identify(message.identity)
                    case Regard():
                        told.regard(message)
                    case Accept():
                        await process.server.accept()
                        await self._wire.send(Accepting())
                    case Announce():
                        process.server.start_draining()
                    case Drain():
                        return message.seconds
                    case Setup():
                        logger.warning("told twice what to be")
            except Ended as error:
                logger.warning("the parent is gone, this worker drains: %s", error)
                return process.settings.limits.drain_seconds

    async def _tell(self, process: Process, told: Told, teller: Teller) -> None:
        while True:
            await told.next_telling()
            try:
                await self._wire.send(teller.seen(process.server.late_seconds))
            except Ended:
                return


def main(fd: int) -> int:
    """Be the worker at the other end of this socket."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # Ends by its parent's word alone: a terminal and a service manager tell the whole group.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(fd))


async def _run(fd: int) -> int:
    return await Worker(Wire(socket.socket(fileno=fd), FROM_PARENT)).run()
