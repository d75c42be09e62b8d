"""Polite callers: numbered requests at a steady rate, over kept connections and new ones, timed.

A request's time runs from the moment at which it was due, so that what holds up its caller counts.
"""

from __future__ import annotations

import asyncio
import ssl
import time

import msgspec

from meshconsole.drill.callers import LOOPBACK
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.spoken.http1 import GET
from proxy.aio import spawn

PATIENCE_SECONDS = 20.0


class Door(msgspec.Struct, frozen=True):
    """Where to call."""

    port: int
    tls: ssl.SSLContext | None = None


class Polite:
    """Sends all of a ledger's numbers."""

    def __init__(self, ledger: Ledger, host: str, rate: float) -> None:
        self._ledger = ledger
        self._host = host.encode()
        self._rate = rate
        self._began = 0.0
        self.millis: list[float] = []
        """Of each request that was answered."""

    async def fire(self, doors: list[tuple[Door, int, int]]) -> None:
        """Send everything; per door, how many callers keep their connection and how many do not."""
        self._began = time.monotonic()
        callers = [
            spawn(self._call(door, keeps=at < kept), name="polite caller")
            for door, kept, fresh in doors
            for at in range(kept + fresh)
        ]
        await asyncio.gather(*callers)

    async def _call(self, door: Door, *, keeps: bool) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (number := self._ledger.take()) is not None:
            due = self._began + number / self._rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    streams = streams or await asyncio.open_connection(
                        LOOPBACK, door.port, ssl=door.tls
                    )
                    echoed = await self._ask(*streams, number)
            except (OSError, ValueError, EOFError, TimeoutError) as error:
                self._ledger.failed(f"{type(error).__name__}: {error}"[:100])
                keep = False
            else:
                self._ledger.answer(number, echoed)
                self.millis.append((time.monotonic() - due) * 1000)
                keep = keeps
            if streams is not None and not keep:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> int:
        """Send one request; the number that its answer says."""
        writer.write(GET % (number, self._host, number))
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        body = await reader.readexactly(length)
        if head[9:12] != b"200":
            raise ValueError(f"status {head[9:12].decode('latin-1')}")
        return int(body.split(b" ", 1)[0])
