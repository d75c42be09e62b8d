"""Many slow callers of one kind: whoever is ended is followed by the next, and it is noted how."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter

from meshconsole.drill.callers import LOOPBACK
from meshconsole.drill.slowness import BEAT_SECONDS, Hold, Kind
from proxy.aio import cancelled, spawn


class Crowd:
    """So many of one kind, held until told otherwise."""

    def __init__(self, kind: Kind, size: int) -> None:
        self.kind = kind
        self.size = size
        self.held = 0
        self.ends: Counter[str] = Counter()
        self.longest = 0.0
        """Seconds that one was held."""
        self._again = True
        self._tasks: list[asyncio.Task[None]] = []

    async def gather(self) -> None:
        """Hold them all; returns when all are held."""
        self._tasks = [spawn(self._hold(), name=self.kind.name) for _ in range(self.size)]
        while self.held < self.size:  # noqa: ASYNC110 - of many, polled
            await asyncio.sleep(0.01)

    async def disperse(self) -> None:
        """Nobody follows whoever is ended; wait for the last, bounded by the kind's patience."""
        self._again = False
        _, left = await asyncio.wait(self._tasks, timeout=self.kind.within + BEAT_SECONDS)
        for task in left:
            self.ends["not ended"] += 1
            await cancelled(task)

    def short(self) -> list[str]:
        """Which of the promises were not kept."""
        found = [
            f"{count} of kind {self.kind.name!r} ended as {end!r}, not as {self.kind.ends}"
            for end, count in self.ends.items()
            if end not in self.kind.ends
        ]
        if self.longest > self.kind.within:
            found.append(f"one of kind {self.kind.name!r} was held for {self.longest:.1f} s")
        return found

    async def _hold(self) -> None:
        loop = asyncio.get_running_loop()
        while self._again:
            with socket.socket() as own:
                own.setblocking(False)
                if self.kind.room:
                    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.kind.room)
                await loop.sock_connect(own, (LOOPBACK, self.kind.port))
                hold = Hold(self.kind, own)
                hold.say(self.kind.says)
                began = time.monotonic()
                self.held += 1
                try:
                    self.ends[await hold.last()] += 1
                finally:
                    self.held -= 1
                self.longest = max(self.longest, time.monotonic() - began)
