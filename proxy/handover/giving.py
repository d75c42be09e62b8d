"""The old process's side: offers its sockets, and goes on as before unless they are taken."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from typing import Protocol

from proxy import aio
from proxy.handover import terms
from proxy.handover.words import (
    FROM_NEW,
    FromNew,
    Go,
    Inheritance,
    Offer,
    Ready,
    Refused,
    Taken,
)
from proxy.sockets import Bound
from proxy.wire import Ended, Wire

logger = logging.getLogger(__name__)

STEP_SECONDS = 10.0
"""For each thing the new process has to do; then the old one goes on."""


class Owner(Protocol):
    """The process that hands over."""

    @property
    def draining(self) -> bool:
        """Does it end anyway?"""

    @property
    def ready(self) -> bool:
        """Has it something to serve by?"""

    def bound(self) -> Sequence[Bound]:
        """Every listening socket."""

    def snapshot(self) -> bytes:
        """What is in force, as a whole push; empty without a console's."""

    async def hand_over(self) -> Inheritance:
        """Let go of what only one process may have; `snapshot` in it is whole."""

    def resume(self) -> None:
        """Take it back: the new process failed."""

    def taken(self, wire: Wire[FromNew]) -> None:
        """The new process accepts: stop, and drain."""


class Giver:
    """Waits for a process that takes over, one at a time."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self.taker = 0
        """The process that is taking over."""
        self.step = ""
        self.failed = 0
        """Handovers that came to nothing."""
        self.error = ""

    async def run(self, listening: socket.socket) -> None:
        """Serve who comes, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as error:
                logger.warning("Nobody can take over just now: %s.", error)
                await asyncio.sleep(1.0)
            else:
                aio.spawn(self._serve(Wire(accepted, FROM_NEW)), name="handover")

    async def _serve(self, wire: Wire[FromNew]) -> None:
        pid, uid = wire.peer
        keep = False
        try:
            if uid != os.geteuid():
                logger.warning("Process %d of user %d may not take over.", pid, uid)
                return
            why = self._refusal(await wire.receive(STEP_SECONDS))
            if why:
                logger.warning("Process %d does not take over: %s", pid, why)
                await wire.send(Refused(why=why))
                return
            keep = await self._give(wire, pid)
        except (Ended, TimeoutError) as error:
            logger.info("Process %d came to the handover and said nothing: %s", pid, error)
        finally:
            if not keep:
                wire.close()

    def _refusal(self, hello: FromNew) -> str:
        files = sum(len(bound.sockets) for bound in self._owner.bound())
        return terms.refusal(hello, taker=self.taker, draining=self._owner.draining, files=files)

    async def _give(self, wire: Wire[FromNew], pid: int) -> bool:
        """Hand over to this process; False when it came to nothing."""
        self.taker, self.error = pid, ""
        logger.info("Process %d takes over.", pid)
        try:
            await self._offer(wire)
            await self._expect(wire, Ready)
            await self._let_go(wire)
        except (Ended, TimeoutError) as error:
            self.failed += 1
            said = str(error) or f"nothing came for {STEP_SECONDS:g} s"
            self.error = f"Process {pid} did not take over after {self.step!r}: {said}"
            logger.warning("%s This process goes on.", self.error)
            return False
        finally:
            self.taker, self.step = 0, ""
        logger.info("Process %d has taken over.", pid)
        self._owner.taken(wire)
        return True

    async def _offer(self, wire: Wire[FromNew]) -> None:
        self.step = "offer"
        owner = self._owner
        bound = owner.bound()
        files = [one.fileno() for each in bound for one in each.sockets]
        self._offered = owner.snapshot()
        offer = Offer(given=terms.given(bound), ready=owner.ready, snapshot=self._offered)
        await self._say(wire, offer, files)

    async def _let_go(self, wire: Wire[FromNew]) -> None:
        self.step = "go"
        passed = await self._owner.hand_over()
        try:
            snapshot = b"" if passed.snapshot == self._offered else passed.snapshot
            went = Inheritance(identity=passed.identity, snapshot=snapshot, reports=passed.reports)
            await self._say(wire, Go(inheritance=went))
            await self._expect(wire, Taken)
        except BaseException:  # cancelled too: whoever let go takes it back, then it is raised
            self._owner.resume()
            raise

    async def _say(
        self, wire: Wire[FromNew], message: Offer | Go, files: list[int] | None = None
    ) -> None:
        async with asyncio.timeout(STEP_SECONDS):
            await wire.send(message, files or [])

    async def _expect(self, wire: Wire[FromNew], shape: type[FromNew]) -> None:
        message = await wire.receive(STEP_SECONDS)
        if not isinstance(message, shape):
            raise Ended(f"It said {type(message).__name__} where {shape.__name__} was due.")
