"""A relay between scripted peers: real sockets on the sidecar's own event loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvloop

from proxy.aio import spawn
from proxy.assembly import fixed
from proxy.current import Choice, Current, Member
from proxy.failures import Failure
from proxy.links.ledger import Ledger, imbalance_of
from proxy.listener import Listener
from proxy.pools import Pools
from proxy.server import Server
from proxy.settings import HostPort, Limits, Spoken
from proxy.steering.router import FixedRouter, Router
from proxy.windows import Windows
from tests.harness.wait import eventually_async

PATIENCE_SECONDS = 15.0
LOOPBACK = "127.0.0.1"
QUICK = Limits(drain_seconds=5.0, linger_seconds=0.5)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def run(scene: Coroutine[Any, Any, None]) -> None:
    """Play a scene on uvloop, with an end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_bounded(scene))


async def _bounded(scene: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(60):
        await scene


class Ear:
    """Remembers failures, as the detector hears of them."""

    def __init__(self) -> None:
        self.heard: list[Failure] = []

    def failed(self, failure: Failure, /) -> None:
        self.heard.append(failure)


class Stage:
    """A listener under test and how to talk to it."""

    def __init__(self, listener: Listener, server: Server, port: int, ear: Ear) -> None:
        self.listener = listener
        self.server = server
        self.port = port
        self.ear = ear

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(LOOPBACK, self.port)

    async def say(self, *parts: bytes) -> bytes:
        """Write the parts and read until the other side ends the connection."""
        reader, writer = await self.dial()
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await reader.read(-1)
        finally:
            writer.close()

    async def ask(self, head: str, body: bytes = b"") -> bytes:
        """One request on its own connection; the whole answer."""
        lines = [*head.strip().splitlines(), "Connection: close"]
        return await self.say("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


@asynccontextmanager
async def origin(serve: Serve) -> AsyncIterator[int]:
    """A scripted upstream; `serve` speaks for each connection. Gives its port."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def relay(
    *ports: int,
    limits: Limits = QUICK,
    choice: Choice | None = None,
    seconds: float = 5.0,
    speaks: Spoken = "http1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Stage]:
    """A stand-alone relay to these ports; `seconds` is the patience with one request."""
    chosen = choice or fixed(
        "upstream", tuple(HostPort(LOOPBACK, port) for port in ports), interfaces=("GET /x/{y}",)
    )
    patient = msgspec.structs.replace(chosen.target.service, request_timeout_seconds=seconds)
    chosen.target.service = patient
    async with _stage(FixedRouter(chosen), lambda: chosen.members, limits, speaks, tls) as stage:
        yield stage


@asynccontextmanager
async def outbound(
    current: Current, limits: Limits = QUICK, speaks: Spoken = "http1"
) -> AsyncIterator[Stage]:
    """An outbound listener that follows the table in force."""
    async with _stage(
        Router(current), lambda: tuple(current.table.members.values()), limits, speaks
    ) as stage:
        yield stage


@asynccontextmanager
async def _stage(
    routing: Router | FixedRouter,
    members: Callable[[], tuple[Member, ...]],
    limits: Limits,
    speaks: Spoken = "http1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Stage]:
    ear = Ear()
    listener = Listener(
        name="listen",
        side="out",
        routing=routing,
        members=members,
        pools=Pools(limits),
        windows=Windows(),
        failures=ear,
        access_log=None,
        limits=limits,
        speaks=speaks,
        tunnels=routing if isinstance(routing, FixedRouter) else None,
        ledger=Ledger(),
    )
    server = Server(limits)
    await server.open(listener, HostPort(LOOPBACK, 0), tls)
    clock = spawn(server.keep_time(), name="clock of a test")
    try:
        yield Stage(listener, server, server.ports[0], ear)
    finally:
        await server.drain()
        clock.cancel()
        await asyncio.wait({clock})
    _assert_balanced(listener)


def _assert_balanced(listener: Listener) -> None:
    """Whatever happened, everything that was counted in was counted out."""
    assert listener.admission.in_flight == 0
    assert all(meter.in_flight == 0 for meter in listener.admission.meters().values())
    assert all(member.stats.in_flight == 0 for member in listener.members())
    for ledger in (listener.ledger, listener.pools.ledger):
        assert ledger is not None
        for row in ledger.told().edges:
            assert imbalance_of(row) == 0, row
            assert row.in_flight == 0, row


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """A head, up to and with its empty line."""
    return await reader.readuntil(b"\r\n\r\n")


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """A head and its body, by Content-Length or chunked as the relay writes it."""
    head = await read_head(reader)
    low = head.lower()
    if b"transfer-encoding: chunked" in low:
        body = b""
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return head, body
    if b"content-length:" in low:
        length = int(low.split(b"content-length:")[1].split(b"\r\n")[0])
        return head, await reader.readexactly(length)
    return head, b""


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The same for an answer with a body."""
    return await read_request(reader)


def always(answer: bytes) -> Serve:
    """An origin that gives the same answer to every request, on kept connections."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)
            await writer.drain()

    return serve


def ok(body: bytes = b"ok", *lines: str) -> bytes:
    """An answer of status 200."""
    more = "".join(f"{line}\r\n" for line in lines)
    return f"HTTP/1.1 200 OK\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def body_of(answer: bytes) -> bytes:
    """What follows the head."""
    return answer.partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> int:
    """The status of the first line."""
    return int(answer.split(b" ", 2)[1])


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection as a crashed peer does."""
    own: socket.socket = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def until(look: Callable[[], object]) -> None:
    """Wait until it is true."""

    async def looked() -> object:
        return look()

    await eventually_async(looked)
