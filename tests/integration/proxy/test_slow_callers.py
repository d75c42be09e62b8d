"""A caller that does not read holds up nobody else, and no memory beyond its own buffers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.http1.downstream import Downstream
from tests.harness.wait import eventually_async
from tests.integration.proxy.rig import (
    LOOPBACK,
    Serve,
    Stage,
    always,
    ok,
    origin,
    read_request,
    relay,
    run,
    status_of,
)

SMALL = 4096
BODY = b"x" * 48 * 1024
"""Far more than such a caller has room for, and little enough to come in one read."""
ASK = b"GET /x/1 HTTP/1.1\r\nHost: upstream\r\n\r\n"


@asynccontextmanager
async def _deaf_caller(stage: Stage) -> AsyncIterator[tuple[socket.socket, Downstream]]:
    """A caller with little room that was answered in full and has read none of it."""
    loop = asyncio.get_running_loop()
    with socket.socket() as mouth:
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        mouth.setblocking(False)
        await loop.sock_connect(mouth, (LOOPBACK, stage.port))

        async def accepted() -> bool:
            return bool(stage.listener.callers)

        await eventually_async(accepted, timeout=5)
        (caller,) = stage.listener.callers
        assert isinstance(caller, Downstream)
        caller.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL
        )
        caller.transport.set_write_buffer_limits(high=SMALL)
        await loop.sock_sendall(mouth, ASK)
        (member,) = stage.listener.members()

        async def answered() -> bool:
            return member.stats.answered == 1

        await eventually_async(answered, timeout=5)
        assert caller.is_full
        yield mouth, caller


def test_the_connection_that_answered_a_slow_caller_still_answers_others() -> None:
    async def scene() -> None:
        async with (
            origin(always(ok(BODY))) as port,
            relay(port, seconds=2.0) as stage,
            _deaf_caller(stage),
        ):
            assert status_of(await stage.ask("GET /x/2 HTTP/1.1\nHost: upstream")) == 200
            (member,) = stage.listener.members()
            assert member.opened == 1

    run(scene())


def test_a_request_of_a_caller_that_does_not_read_waits_until_it_does() -> None:
    asked: list[bytes] = []

    def counted() -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                head, _ = await read_request(reader)
                asked.append(head.split(b" ")[1])
                writer.write(ok(BODY))
                await writer.drain()

        return serve

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        async with origin(counted()) as port, relay(port) as stage, _deaf_caller(stage) as given:
            mouth, caller = given
            await loop.sock_sendall(mouth, ASK.replace(b"/x/1", b"/x/2"))
            await loop.sock_sendall(mouth, ASK.replace(b"/x/1", b"/x/3"))
            assert status_of(await stage.ask("GET /x/9 HTTP/1.1\nHost: upstream")) == 200
            assert asked == [b"/x/1", b"/x/9"]
            assert caller.transport.get_write_buffer_size() <= len(ok(BODY))
            heard = b""
            async with asyncio.timeout(10):
                while heard.count(b"HTTP/1.1 200") < 3 or not heard.endswith(BODY):
                    heard += await loop.sock_recv(mouth, 1 << 20)
            assert len(heard) == 3 * len(ok(BODY))
            assert asked == [b"/x/1", b"/x/9", b"/x/2", b"/x/3"]

    run(scene())
