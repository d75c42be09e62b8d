"""Origins that count: each request by its number, the body held against it, the number echoed.

One port serves every protocol, told by its first bytes, as none of them begins like another.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterable
from time import monotonic
from typing import cast

from meshconsole.drill.callers import LOOPBACK
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.spoken import bolt, http1, http2, tcp
from meshconsole.drill.spoken.frames import PREFACE
from meshconsole.drill.spoken.serving import House, Served

LEAVE_SECONDS = 5.0
QUIET_SECONDS = 0.1
"""Nobody has come for so long: nobody is on the way."""
_LOOK_SECONDS = 0.02


class Origins:
    """Servers on ports of their own, in this process's event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self.house = House(ledger)
        self._servers: dict[int, asyncio.Server] = {}

    async def listen(self, port: int = 0) -> int:
        """Serve at a port; the port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: _Door(self.house), LOOPBACK, port, backlog=1024, reuse_address=True
        )
        port = int(server.sockets[0].getsockname()[1])
        self._servers[port] = server
        return port

    async def leave(self, port: int) -> None:
        """Accept nobody new there once nobody comes any more; who is connected is served on.

        A server that closes its door on who stands before it loses them, whoever sent them.
        """
        server = self._servers[port]
        sockets = cast("list[socket.socket]", list(server.sockets))
        ends, quiet_since = monotonic() + LEAVE_SECONDS, monotonic()
        while monotonic() - quiet_since < QUIET_SECONDS and monotonic() < ends:
            await asyncio.sleep(_LOOK_SECONDS)
            if _has_waiting(sockets):
                quiet_since = monotonic()
        self._close(port)

    def close(self) -> None:
        """End every server and every connection."""
        for port in list(self._servers):
            self._close(port)
        self.hang_up()

    def hang_up(self) -> None:
        """End every connection: nothing is in flight."""
        for one in list(self.house.open):
            one.transport.close()

    def _close(self, port: int) -> None:
        self._servers.pop(port).close()


class _Door(Served):
    """Stands in until the first bytes tell what is spoken."""

    def data_received(self, data: bytes) -> None:
        after = _serving(data)(self.house)
        self.house.open.discard(self)
        self.transport.set_protocol(after)
        after.connection_made(self.transport)
        after.data_received(data)


def _has_waiting(sockets: Iterable[socket.socket]) -> bool:
    poll = select.poll()
    for one in sockets:
        poll.register(one.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _serving(first: bytes) -> type[Served]:
    if first[0] == 1:
        return bolt.Server
    if first[0] == tcp.ASKS:
        return tcp.Server
    return http2.Server if first.startswith(PREFACE[:4]) else http1.Server
