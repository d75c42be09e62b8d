"""A steady stream of requests, whatever becomes of them: as many a second as was said."""

from __future__ import annotations

import asyncio
from time import monotonic

_ASK = b"GET / HTTP/1.1\r\nHost: stock\r\n\r\n"
PATIENCE_SECONDS = 5.0


class Callers:
    """Requests through one proxy, each on a connection that is free, or a new one."""

    def __init__(self, port: int, rate: float) -> None:
        self._port = port
        self._rate = rate
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.asked = self.failed = 0

    async def run(self, seconds: float) -> None:
        """Ask for so long."""
        began, sent = monotonic(), 0
        async with asyncio.TaskGroup() as group:
            while (passed := monotonic() - began) < seconds:
                while sent < passed * self._rate:
                    sent += 1
                    group.create_task(self._ask())
                await asyncio.sleep(0.005)

    async def _ask(self) -> None:
        self.asked += 1
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reader, writer = (
                    self._free.pop()
                    if self._free
                    else await asyncio.open_connection("127.0.0.1", self._port)
                )
                writer.write(_ASK)
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.failed += 1
            return
        self.failed += head.split(b" ", 2)[1] >= b"500"
        if b"connection: close" in head.lower():
            writer.close()
        else:
            self._free.append((reader, writer))

    def close(self) -> None:
        """End every connection."""
        for _, writer in self._free:
            writer.close()


def _length(head: bytes) -> int:
    low = head.lower()
    at = low.find(b"content-length:")
    return int(low[at + 15 : low.index(b"\r", at)]) if at >= 0 else 0
