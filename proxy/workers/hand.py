"""One worker as its parent sees it: a process, the wire to it, and how far it is."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Sequence
from time import monotonic
from typing import Literal

import msgspec

from proxy.backoff import Backoff
from proxy.wire import Ended, Wire
from proxy.workers.words import FROM_WORKER, FromWorker

MODULE = "proxy.workers"
STEADY_SECONDS = 10.0
"""A worker that lived for so long was a good one: the next is started without a long pause."""

State = Literal["away", "starting", "up", "accepting"]


class Hand:
    """Worker number so and so, whichever process that is just now."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state: State = "away"
        self.swapped = 0
        """The revision it has in force."""
        self.why = ""
        """What it said when it could not be what it should."""
        self.cut = 0
        self.restarts = -1
        self.late_seconds = 0.0
        self._began = 0.0
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Wire[FromWorker] | None = None

    @property
    def pid(self) -> int:
        """Its process; 0 between two."""
        return self._process.pid if self._process is not None else 0

    @property
    def up_seconds(self) -> float:
        """How long the process has lived."""
        return monotonic() - self._began if self._process is not None else 0.0

    def start(self) -> None:
        """Start a process. It is a fresh interpreter and not a fork: a parent that runs an event
        loop and threads cannot be forked safely, least of all to replace a worker that died."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", MODULE, str(theirs.fileno())], pass_fds=[theirs.fileno()]
            )
        self._wire = Wire(ours, FROM_WORKER)
        self._began = monotonic()
        self.state = "starting"
        self.restarts += 1
        self.swapped = 0

    async def say(self, message: msgspec.Struct, files: Sequence[int] = ()) -> None:
        """Tell it something; raises Ended when it is away."""
        if self._wire is None:
            raise Ended("The worker is away.")
        await self._wire.send(message, files)

    async def hear(self, seconds: float) -> FromWorker:
        """The next thing it says; raises Ended, or TimeoutError after `seconds`."""
        if self._wire is None:
            raise Ended("The worker is away.")
        return await self._wire.receive(seconds)

    def kill(self) -> None:
        """End the process at once; whoever hears it notices."""
        if self._process is not None:
            self._process.kill()

    def bury(self) -> float:
        """The process has ended, or is made to; seconds to wait before the next."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        if self.up_seconds >= STEADY_SECONDS:
            self._backoff.reset()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.state = "away"
        return self._backoff.pause()
