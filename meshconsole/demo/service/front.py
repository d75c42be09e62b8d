"""A box on the network before an instance: it hands every byte on, unless it is told to let no TLS
through, as a firewall does whose rules are older than the mesh."""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

from meshconsole.demo.service.faults import Faults
from proxy.aio import spawn

HANDSHAKE = 0x16
"""The first byte of TLS."""
DIAL_SECONDS = 2.0


async def front(
    faults: Faults, listen: tuple[str, int], towards: tuple[str, int]
) -> asyncio.Server:
    """Listen before `towards`."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: _Arriving(faults, towards), *listen, backlog=1024)


class _End(asyncio.Protocol):
    """One end of a connection; what it hears goes to the other."""

    other: _End | None = None
    transport: asyncio.Transport | None = None
    has_ended = False
    """Nothing more comes from there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        self.has_ended = True
        if self.other is None:
            return True
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return not self.other.has_ended

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class _Arriving(_End):
    """A caller: looked at once, then handed on."""

    def __init__(self, faults: Faults, towards: tuple[str, int]) -> None:
        self._faults = faults
        self._towards = towards
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        spawn(self._dial(), name="sample-front")

    def data_received(self, data: bytes) -> None:
        if self._faults.no_tls and not self._first and data[0] == HANDSHAKE:
            if self.transport is not None:
                self.transport.abort()
            return
        if self.other is None:
            self._first += data
        else:
            self._first = self._first or data[:1]
            super().data_received(data)

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(DIAL_SECONDS):
                _, far = await loop.create_connection(_End, *self._towards)
            if self.transport is not None:
                self.other, far.other = far, self
                if far.transport is not None:
                    far.transport.write(self._first)
                    if self.has_ended:
                        far.transport.write_eof()
                return
            if far.transport is not None:
                far.transport.close()
        if self.transport is not None:
            self.transport.abort()
