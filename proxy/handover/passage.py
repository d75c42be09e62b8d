"""The handovers of one process: it begins by taking over, and may end by being taken over."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from proxy import aio
from proxy.contract.session import Report
from proxy.errors import Refusal
from proxy.handover import terms
from proxy.handover.bequest import Heritable
from proxy.handover.door import NAME, check_place, wait_at
from proxy.handover.giving import Giver
from proxy.handover.taking import Succession, approach
from proxy.handover.words import FromNew, Inheritance, Late
from proxy.settings import InvalidSettings
from proxy.sockets import Bound, Sockets
from proxy.wire import Ended, Wire

logger = logging.getLogger(__name__)

LATE_SECONDS = 2.0


class Control(Protocol):
    """Who tells the process what to do."""

    @property
    def ready(self) -> bool:
        """Is there something to serve by?"""

    @property
    def bequest(self) -> Heritable:
        """What goes from process to process."""


class Owner(Protocol):
    """The process."""

    @property
    def control(self) -> Control:
        """Its control side."""

    @property
    def sockets(self) -> Sockets:
        """What it listens on."""

    @property
    def draining(self) -> bool:
        """Does it end?"""

    def handed_over(self) -> None:
        """Another process accepts now."""


class Passage:
    """From one process to the next."""

    def __init__(self, owner: Owner, path: Path | None, command: Sequence[str]) -> None:
        self._owner = owner
        self._path = path
        self._command = list(command)
        self._giver = Giver(self)
        self._waiting: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._child: subprocess.Popen[bytes] | None = None
        self.before: Succession | None = None
        """The process that this one took over from."""
        self.heir: Wire[FromNew] | None = None
        """The process that took over from this one."""

    # the new process

    async def begin(self) -> list[Bound]:
        """The sockets of the process before; none when this is the first. Raises
        InvalidSettings."""
        if self._path is None:
            return []
        check_place(self._path)
        self.before = await approach(self._path)
        return self.before.bound if self.before is not None else []

    @property
    def offered(self) -> bytes:
        """The snapshot of the process before."""
        return self.before.offer.snapshot if self.before is not None else b""

    async def claim(self) -> Inheritance | None:
        """Everything is open: say so to the process before. Raises InvalidSettings when this one
        could not serve, or when the other does not let go."""
        before = self.before
        if before is None:
            return None
        if not terms.may_serve(ready=self._owner.control.ready, old_was_ready=before.offer.ready):
            raise InvalidSettings("There is nothing to serve by here: the old process goes on.")
        return await before.ready()

    async def settle(self) -> None:
        """This process accepts: the one before may drain, and the next may come."""
        if self.before is not None:
            await self.before.taken()
            aio.spawn(
                self.before.listen(self._owner.control.bequest.tell), name="hear the old process"
            )
        if self._path is not None:
            sockets = self._owner.sockets
            bound = sockets.inherited(NAME, str(self._path))
            if bound is None:
                bound = Bound(NAME, str(self._path), (wait_at(self._path),))
            sockets.keep(bound)
            self._waiting = aio.spawn(self._giver.run(bound.sockets[0]), name="wait for the next")
        self._owner.sockets.release_unwanted()

    # the old process

    def upgrade(self) -> int:
        """Start this process's command line again, as the process that takes over; its id. Raises
        Refusal when there is no way to."""
        if self._path is None or not self._command:
            raise Refusal(409, "NR", "Start the proxy with --handover PATH to upgrade it.")
        if self._giver.taker or self.draining:
            raise Refusal(409, "NR", "An upgrade is under way, or this process ends already.")
        if self._child is not None and self._child.poll() is None:
            raise Refusal(409, "NR", f"Process {self._child.pid} is starting already.")
        self._child = subprocess.Popen(self._command)  # noqa: S603 - what this process was started by
        logger.info("Process %d starts to take over.", self._child.pid)
        return self._child.pid

    async def close(self) -> None:
        """Say what is left to say; nobody can take over any more."""
        await aio.cancelled(self._waiting)
        if self._late:
            await asyncio.wait(self._late, timeout=LATE_SECONDS)
        if self.heir is not None:
            self.heir.close()

    def status(self) -> dict[str, object]:
        """For the admin page."""
        giver = self._giver
        return {
            "path": str(self._path) if self._path else "",
            "from": self.before.pid if self.before is not None else 0,
            "to": giver.taker,
            "step": giver.step,
            "failed": giver.failed,
            "error": giver.error,
        }

    def pass_on(self, report: Report) -> None:
        """Tell the heir what was still seen here."""
        task = aio.spawn(self._pass_on(report), name="tell the heir")
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _pass_on(self, report: Report) -> None:
        if self.heir is not None:
            try:
                async with asyncio.timeout(LATE_SECONDS):
                    await self.heir.send(Late(report=report))
            except (Ended, TimeoutError) as error:
                logger.warning("A last report is lost with the process that took over: %s", error)

    # what the giver asks

    @property
    def draining(self) -> bool:
        """Does this process end?"""
        return self._owner.draining

    @property
    def ready(self) -> bool:
        """Has it something to serve by?"""
        return self._owner.control.ready

    def bound(self) -> list[Bound]:
        """Every listening socket."""
        return self._owner.sockets.all()

    def snapshot(self) -> bytes:
        """What is in force."""
        return self._owner.control.bequest.snapshot()

    async def hand_over(self) -> Inheritance:
        """Let go of what only one process may have."""
        return await self._owner.control.bequest.hand_over()

    def resume(self) -> None:
        """Take it back."""
        self._owner.control.bequest.resume()

    def taken(self, wire: Wire[FromNew]) -> None:
        """Another process accepts."""
        self.heir = wire
        self._owner.handed_over()
