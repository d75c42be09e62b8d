"""The box before an instance hands everything on, but for TLS when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from meshconsole.demo.service.faults import Faults
from meshconsole.demo.service.front import HANDSHAKE, _End, front
from tests.harness.wait import eventually_async

HOST = "127.0.0.1"


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


@asynccontextmanager
async def _standing(faults: Faults) -> AsyncIterator[int]:
    """An echo behind a box; the port of the box."""
    behind = await asyncio.get_running_loop().create_server(_Echo, HOST, 0)
    towards = behind.sockets[0].getsockname()[1]
    box = await front(faults, (HOST, 0), (HOST, towards))
    async with behind, box:
        yield box.sockets[0].getsockname()[1]
        await eventually_async(nobody_left)


async def nobody_left() -> bool:
    gc.collect()
    return not [one for one in gc.get_objects() if type(one) is _End and one.transport]


async def _said(port: int, *parts: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        writer.write_eof()
        async with asyncio.timeout(10):
            return await reader.read(-1)
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_every_byte_goes_through_both_ways_and_so_does_the_end() -> None:
    async with _standing(Faults()) as port:
        body = b"a" + bytes(range(256)) * 4000
        assert await _said(port, body) == body
        assert await _said(port, bytes([HANDSHAKE]) + b"hello") == bytes([HANDSHAKE]) + b"hello"


async def test_told_to_it_lets_no_tls_through_and_plaintext_as_before() -> None:
    async with _standing(Faults(no_tls=True)) as port:
        assert await _said(port, bytes([HANDSHAKE]), b"hello") == b""
        assert await _said(port, b"GET", bytes([HANDSHAKE])) == b"GET" + bytes([HANDSHAKE])


async def test_nobody_behind_it_ends_the_connection() -> None:
    behind = await asyncio.get_running_loop().create_server(_Echo, HOST, 0)
    gone = behind.sockets[0].getsockname()[1]
    behind.close()
    await behind.wait_closed()
    async with await front(Faults(), (HOST, 0), (HOST, gone)) as box:
        assert await _said(box.sockets[0].getsockname()[1], b"anybody?") == b""
