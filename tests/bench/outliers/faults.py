"""Origins in one process, each of which can be told to go wrong while it is asked."""

from __future__ import annotations

import asyncio
import random
from typing import Literal, cast

Fault = Literal["none", "dead", "half", "fifth", "slow"]
FAILING: dict[Fault, float] = {"half": 0.5, "fifth": 0.2}
"""Which part of the requests is answered with 503."""
SLOW_SECONDS = 0.4
_BODY = b"Content-Length: 2\r\n\r\nok"
_GOOD, _BAD = b"HTTP/1.1 200 OK\r\n" + _BODY, b"HTTP/1.1 503 Bad\r\n" + _BODY


class Origin:
    """One endpoint at a port of its own."""

    def __init__(self, seed: int) -> None:
        self.fault: Fault = "none"
        self.chance = random.Random(seed)
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Serving(self), "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def break_as(self, fault: Fault) -> None:
        """Go wrong like this from now on."""
        self.fault = fault
        if fault == "dead":
            self.stop()

    def stop(self) -> None:
        """Refuse every connection, and reset those that are open."""
        if self._server is not None:
            self._server.close()
        for transport in list(self.connections):
            transport.abort()


class _Serving(asyncio.Protocol):
    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._origin.connections.add(self._transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._origin.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        origin = self._origin
        for _ in range(data.count(b"\r\n\r\n")):
            bad = origin.chance.random() < FAILING.get(origin.fault, 0.0)
            answer = _BAD if bad else _GOOD
            if origin.fault == "slow":
                asyncio.get_running_loop().call_later(SLOW_SECONDS, self._transport.write, answer)
            else:
                self._transport.write(answer)
