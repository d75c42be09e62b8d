"""A caller that does not read holds up nobody else, and no memory beyond its own buffers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from proxy.aio import spawn
from proxy.assembly import fixed
from proxy.encryption.contexts import server_context
from proxy.http1.downstream import Downstream
from proxy.settings import HostPort, TlsFiles
from tests.harness.wait import eventually_async
from tests.integration.proxy.pki import Pki, pki
from tests.integration.proxy.rig import (
    LOOPBACK,
    QUICK,
    Serve,
    Stage,
    always,
    ok,
    origin,
    read_request,
    relay,
    run,
    status_of,
    until,
)

__all__ = ["pki"]

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


SLOW_EACH = 10
QUICKLY = msgspec.structs.replace(QUICK, head_seconds=0.5, idle_seconds=2.0)


async def _held(stage: Stage, *said: bytes) -> bytes | None:
    """Say this and nothing more; what is heard before the end, None for a reset."""
    reader, writer = await stage.dial()
    try:
        writer.write(b"".join(said))
        return await reader.read(-1)
    except ConnectionError:
        return None
    finally:
        writer.close()


async def _deaf(stage: Stage) -> bytes | None:
    """Ask for much and read none of it; None for a reset."""
    loop = asyncio.get_running_loop()
    with socket.socket() as mouth:
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        mouth.setblocking(False)
        await loop.sock_connect(mouth, (LOOPBACK, stage.port))
        await loop.sock_sendall(mouth, b"GET /large HTTP/1.1\r\nHost: upstream\r\n\r\n")

        async def is_over() -> bool:
            return mouth.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

        await eventually_async(is_over, timeout=15)
        return None


async def _large_or_small(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        head, _ = await read_request(reader)
        writer.write(ok(b"x" * (16 << 20)) if b"/large" in head else ok())
        await writer.drain()


def test_slow_callers_of_every_kind_are_ended_while_polite_ones_are_served(pki: Pki) -> None:
    cert, key, ca = (Path(part) for part in pki.flag("proxy").split(","))
    tls = server_context(TlsFiles(cert, key, ca))
    post = b"POST /x HTTP/1.1\r\nHost: upstream\r\nContent-Length: 9\r\n\r\nx"

    async def scene() -> None:
        async with origin(_large_or_small) as port:
            choice = fixed("upstream", (HostPort(LOOPBACK, port),))
            service = choice.target.service
            choice.target.service = msgspec.structs.replace(service, idle_timeout_seconds=1.0)
            async with (
                relay(choice=choice, limits=QUICKLY, seconds=1.0) as stage,
                relay(port, limits=QUICKLY, tls=tls) as encrypted,
            ):
                kinds: list[Callable[[], Coroutine[Any, Any, bytes | None]]] = [
                    lambda: _held(stage, b"GET /x HTTP/1.1\r\nHost: up"),
                    lambda: _held(stage, post),
                    lambda: _held(stage),
                    lambda: _deaf(stage),
                    lambda: _held(encrypted, b"\x16\x03\x01\x02\x00\x01"),
                ]
                slow = [
                    spawn(kind(), name="slow caller") for kind in kinds for _ in range(SLOW_EACH)
                ]
                asked = 0
                while not all(one.done() for one in slow):
                    assert status_of(await stage.ask("GET /x HTTP/1.1\nHost: upstream")) == 200
                    asked += 1
                assert asked
                ends = [one.result() for one in slow]
                heads, bodies, silent, deaf, shaking = (
                    ends[at : at + SLOW_EACH] for at in range(0, len(ends), SLOW_EACH)
                )
                assert {status_of(end or b"  0") for end in heads + bodies} == {408}
                assert set(silent) == {b""}
                assert set(deaf) == {None}
                assert set(shaking) <= {b"", None}
                await until(lambda: not stage.listener.callers and not encrypted.listener.callers)

    run(scene())
