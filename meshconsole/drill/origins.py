"""Origins that count: each request by its number, the body held against it, the number echoed."""

from __future__ import annotations

import asyncio
from typing import cast

from meshconsole.drill.ledger import Ledger

LOOPBACK = "127.0.0.1"
ID = b"\r\nx-number: "
LENGTH = b"\r\ncontent-length: "
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"


class Origins:
    """Servers on ports of their own, in this process's event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._servers: dict[int, asyncio.Server] = {}
        self._open: set[_Conversation] = set()

    async def listen(self, port: int = 0) -> int:
        """Serve at a port; the port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _Conversation(self), LOOPBACK, port, backlog=1024, reuse_address=True
        )
        port = int(server.sockets[0].getsockname()[1])
        self._servers[port] = server
        return port

    def leave(self, port: int) -> None:
        """Accept nobody new there; who is connected is served on."""
        self._servers.pop(port).close()

    def close(self) -> None:
        """End every server and every connection."""
        for port in list(self._servers):
            self.leave(port)
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection: nothing is in flight."""
        for one in list(self._open):
            one.transport.close()


class _Conversation(asyncio.Protocol):
    """One kept connection; its requests come one after another."""

    transport: asyncio.Transport

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._origins._open.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._origins._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        while buffer:
            end = buffer.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            head = buffer[:end].lower()
            length = _number(head, LENGTH)
            if len(buffer) < end + length:
                return
            number = _number(head, ID, -1)
            body = buffer[end : end + length]
            self._buffer = buffer = buffer[end + length :]
            self._origins.ledger.arrived(number, int(body.split(b" ", 1)[0]) if body else number)
            said = b"%d %d" % (number, length)
            self.transport.write(_ANSWER % (len(said), said))


def _number(head: bytes, name: bytes, otherwise: int = 0) -> int:
    at = head.find(name)
    if at < 0:
        return otherwise
    begins = at + len(name)
    return int(head[begins : head.index(b"\r", begins)])
