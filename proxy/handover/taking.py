"""The new process's side: takes the sockets, and takes over once it could serve."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from proxy.contract.session import Report
from proxy.handover.door import connected
from proxy.handover.words import (
    FROM_OLD,
    VERSION,
    FromOld,
    Given,
    Go,
    Hello,
    Inheritance,
    Late,
    Offer,
    Ready,
    Refused,
    Taken,
)
from proxy.settings import InvalidSettings
from proxy.sockets import Bound
from proxy.wire import Ended, Wire

logger = logging.getLogger(__name__)

T = TypeVar("T")
STEP_SECONDS = 10.0


class Succession:
    """The sockets of another process, and the way to it until it has ended."""

    def __init__(self, wire: Wire[FromOld], offer: Offer, bound: list[Bound]) -> None:
        self._wire = wire
        self.offer = offer
        self.bound = bound
        self.pid, _ = wire.peer
        """The old process; 0 when it has ended."""

    async def ready(self) -> Inheritance | None:
        """Say that this process could serve; what the old one passes on, or None when it died: then
        this one goes on alone. Raises InvalidSettings when the old one does not let go."""
        try:
            await self._wire.send(Ready())
            message = await self._wire.receive(STEP_SECONDS)
        except Ended as error:
            logger.warning("Process %d died while it handed over: %s", self.pid, error)
            self.end()
            return None
        except TimeoutError:
            raise InvalidSettings(
                f"Process {self.pid} does not let go: it was left to go on."
            ) from None
        if not isinstance(message, Go):
            raise InvalidSettings(f"Process {self.pid} says {type(message).__name__}, not go.")
        return message.inheritance

    async def taken(self) -> None:
        """Say that this process accepts."""
        if self.pid:
            try:
                await self._wire.send(Taken())
            except Ended as error:
                logger.warning("Process %d died while it handed over: %s", self.pid, error)
                self.end()

    async def listen(self, adopt: Callable[[Report], None]) -> None:
        """Take what the old process still sees, until it has ended."""
        try:
            while self.pid:
                message = await self._wire.receive(None)
                if isinstance(message, Late):
                    adopt(message.report)
        except Ended:
            logger.info("Process %d has ended.", self.pid)
        finally:
            self.end()

    def end(self) -> None:
        """No more of it."""
        self.pid = 0
        self._wire.close()


async def approach(path: Path) -> Succession | None:
    """Ask whoever waits at the path for its sockets; None when there is nobody. Raises
    InvalidSettings when it refuses."""
    sock = connected(path)
    if sock is None:
        return None
    wire: Wire[FromOld] = Wire(sock, FROM_OLD)
    pid, uid = wire.peer
    try:
        if uid != os.geteuid():
            raise InvalidSettings(f"--handover {path}: process {pid} is of another user.")
        await wire.send(Hello(version=VERSION))
        message = await wire.receive(STEP_SECONDS)
        if isinstance(message, Refused):
            raise InvalidSettings(f"Process {pid} at {path} does not hand over: {message.why}")
        if not isinstance(message, Offer):
            raise InvalidSettings(f"Process {pid} at {path} offers nothing.")
        return Succession(wire, message, adopted(wire, message.given))
    except Ended as error:
        logger.warning("Process %d died before it offered anything: %s", pid, error)
        wire.close()
        return None
    except TimeoutError:
        wire.close()
        raise InvalidSettings(
            f"Process {pid} at {path} does not answer: end it, then start this one again."
        ) from None
    except BaseException:  # cancelled too: the sockets must not stay open; then it is raised
        wire.close()
        raise


def adopted(wire: Wire[T], all_given: Sequence[Given]) -> list[Bound]:
    """The sockets that came with a message that speaks of them; raises Ended for too few."""
    bound = []
    for given in all_given:
        sockets = tuple(socket.socket(fileno=file) for file in wire.take_files(given.count))
        for one in sockets:
            one.setblocking(False)
        bound.append(Bound(given.name, given.place, sockets))
    return bound
