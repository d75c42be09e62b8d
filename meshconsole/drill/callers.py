"""Callers that count: kept connections in a closed loop, each request sent exactly once.

Most send the next request as soon as they have an answer. A few are idle for a while in between, as
pools of connections are: these find out whether a server closes under a request.
"""

from __future__ import annotations

import asyncio
import random
import select
import time
from typing import cast

from meshconsole.drill.ledger import Ledger
from meshconsole.drill.origins import LENGTH, LOOPBACK
from proxy.aio import spawn

GET = b"GET /orders/%d HTTP/1.1\r\nhost: %b\r\nuser-agent: drill\r\nx-number: %d\r\n\r\n"
POST = (
    b"POST /orders HTTP/1.1\r\nhost: %b\r\nuser-agent: drill\r\nx-number: %d\r\n"
    b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"
)
LONG_EVERY, LONG_BYTES, SHORT_BYTES = 97, 60_000, 200
IDLE_SECONDS = (0.2, 1.8)
STUCK_SECONDS = 60.0
_PAUSE_SECONDS = 0.01


class Callers:
    """Sends all of a ledger's numbers to one port."""

    def __init__(
        self, ledger: Ledger, port: int, host: str, *, rate: float = 0.0, idlers: int = 8
    ) -> None:
        self.ledger = ledger
        self._rate = rate
        self._began = 0.0
        self._port = port
        self._host = host.encode()
        self._idlers = idlers
        self._over = asyncio.Event()
        self._here = 0
        self._random = random.Random(7)  # noqa: S311 - chooses pauses, guards nothing
        self.dialled = 0

    async def fire(self, concurrency: int) -> None:
        """Send everything; raises TimeoutError when nothing moves any more."""
        self._began = time.monotonic()
        for at in range(concurrency + self._idlers):
            self._here += 1
            spawn(self._dial(idler=at >= concurrency), name="dial for a drill")
        while not self._over.is_set():
            done = self.ledger.done
            try:
                async with asyncio.timeout(STUCK_SECONDS):
                    await self._over.wait()
            except TimeoutError:
                if self.ledger.done == done:
                    raise

    async def reached(self, done: int) -> None:
        """Wait until so many are over, or all."""
        while self.ledger.done < min(done, self.ledger.total):  # noqa: ASYNC110 - of many, polled
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _dial(self, *, idler: bool) -> None:
        loop = asyncio.get_running_loop()
        self.dialled += 1
        try:
            await loop.create_connection(lambda: _Caller(self, idler), LOOPBACK, self._port)
        except OSError as error:
            if self.ledger.take() is not None:
                self.ledger.failed(f"not accepted: {error.strerror or error}")
            self.left(idler=idler)

    def left(self, *, idler: bool) -> None:
        """A connection ended: another comes as long as there is something to send."""
        if self.ledger.sent < self.ledger.total:
            spawn(self._dial(idler=idler), name="dial for a drill")
            return
        self._here -= 1
        if not self._here:
            self._over.set()

    def ahead(self) -> float:
        """Seconds until the next request may be sent at the wanted rate."""
        if not self._rate:
            return 0.0
        return self.ledger.sent / self._rate - (time.monotonic() - self._began)

    def request(self, number: int) -> bytes:
        """What to send under a number; every second one has a body."""
        if number % 2:
            return GET % (number, self._host, number)
        size = LONG_BYTES if number % LONG_EVERY == 0 else SHORT_BYTES
        body = (b"%d " % number).ljust(size, b"x")
        return POST % (self._host, number, size, body)

    def pause(self) -> float:
        """How long an idle caller waits."""
        return self._random.uniform(*IDLE_SECONDS)


class _Caller(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, callers: Callers, idler: bool) -> None:
        self._callers = callers
        self._ledger = callers.ledger
        self._idler = idler
        self._number: int | None = None
        self._buffer = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        end = data.find(b"\r\n\r\n") + 4
        if end >= 4:
            head = data[:end].lower()
            at = head.find(LENGTH) + len(LENGTH)
            length = int(head[at : head.index(b"\r", at)])
            if len(data) >= end + length:
                self._buffer = data[end + length :]
                self._answered(head, data[end : end + length])
                return
        self._buffer = data

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._number is not None:
            self._ledger.failed(f"cut: {error or 'closed before the answer'}")
        self._callers.left(idler=self._idler)

    def _answered(self, head: bytes, body: bytes) -> None:
        number, self._number = self._number, None
        if number is None or self._buffer:
            self._ledger.failed("an answer that nobody asked for")
            self.transport.abort()
            return
        status = head[9:12]
        if status == b"200":
            self._ledger.answer(number, int(body.split(b" ", 1)[0]))
        else:
            self._ledger.failed(f"status {status.decode()}: {body[:80].decode('latin-1')}")
        if b"\r\nconnection: close\r\n" in head:
            self.transport.close()
        elif self._idler:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._callers.pause(), self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._timer = None
        ahead = self._callers.ahead()
        if ahead > 0:
            self._timer = asyncio.get_running_loop().call_later(ahead, self._send)
            return
        if self._idler and _is_closing(self.transport):
            self.transport.close()  # as any pool looks before it uses a connection again
            return
        self._number = number = self._ledger.take()
        if number is None:
            self.transport.close()
        else:
            self.transport.write(self._callers.request(number))


def _is_closing(transport: asyncio.Transport) -> bool:
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(0))
