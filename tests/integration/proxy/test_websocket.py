"""WebSockets through a proxy process, spoken by a real library at both ends, and held against the
same server without the proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from proxy.facing import CallerConnection
from proxy.http1.downstream import Downstream
from proxy.settings import Limits
from tests.integration.proxy.processes import alone
from tests.integration.proxy.rig import LOOPBACK, Stage, origin, read_head, relay, reset, run, until

MEGABYTE = 1024 * 1024
MESSAGE_LIMIT = 32 * MEGABYTE
GRANTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
ASKED = (
    b"GET /chat HTTP/1.1\r\nHost: upstream\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SIZES = (0, 1, 2, 125, 126, 127, 128, 1000, 4096, 65535, 65536, 65537, 131072, MEGABYTE)
"""Around every length that the framing writes differently, and beyond every buffer."""
TEXT = "žlutý kůň 🐎 "
CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 3000, 3999, 4000, 4999)

Heard = list[object]


async def echo(socket: ServerConnection) -> None:
    """Says everything again; `close CODE REASON` closes with that."""
    async for message in socket:
        if isinstance(message, str) and message.startswith("close "):
            _, code, reason = message.split(" ", 2)
            await socket.close(int(code), reason)
            return
        await socket.send(message)


@asynccontextmanager
async def both(compression: str | None) -> AsyncIterator[tuple[int, int]]:
    """The port of an echo server, and that of a proxy process before it."""
    async with serve(echo, LOOPBACK, 0, max_size=MESSAGE_LIMIT, compression=compression) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with alone("--upstream", f"{LOOPBACK}:{port}") as running:
            yield port, running.port


@asynccontextmanager
async def talk(port: int, compression: str | None = None) -> AsyncIterator[ClientConnection]:
    async with asyncio.timeout(30):
        async with connect(
            f"ws://{LOOPBACK}:{port}/echo", max_size=MESSAGE_LIMIT, compression=compression,
            proxy=None,
        ) as socket:  # fmt: skip
            yield socket


async def whole(socket: ClientConnection) -> Heard:
    """Text and binary messages of every size."""
    heard: Heard = []
    for size in SIZES:
        for message in (bytes(range(256)) * (size // 256 + 1), TEXT * (size // len(TEXT) + 1)):
            await socket.send(message[:size])
            heard.append(await socket.recv() == message[:size])
    return heard


async def in_fragments(socket: ClientConnection) -> Heard:
    """Messages in fragments of several sizes, empty ones among them."""
    heard: Heard = []
    for parts in (["a", "", "b"], [TEXT] * 50, ["x" * 70_000] * 3, ["", "", ""]):
        await socket.send(parts)
        heard.append(await socket.recv())
    for chunks in ([b"\0", b"", b"\xff"], [bytes(126)] * 9, [bytes(65536)] * 3):
        await socket.send(chunks)
        heard.append(await socket.recv())
    return heard


async def with_pings(socket: ClientConnection) -> Heard:
    """Pings with and without content, alone and amid what is said."""
    heard: Heard = []
    for content in (b"", b"x", bytes(125)):
        pong = await socket.ping(content)
        await socket.send("between")
        heard += [await socket.recv(), (await pong) >= 0]
    return heard


async def in_a_row(socket: ClientConnection) -> Heard:
    """Many messages before the first answer is read."""
    for n in range(2000):
        await socket.send(f"message {n}")
    return [await socket.recv() for _ in range(2000)]


async def much_at_once(socket: ClientConnection) -> Heard:
    """More than fits into all buffers, both ways at the same time."""

    async def say() -> None:
        for n in range(24):
            await socket.send(bytes([n]) * MEGABYTE)

    saying = asyncio.ensure_future(say())
    heard: Heard = [await socket.recv() == bytes([n]) * MEGABYTE for n in range(24)]
    await saying
    return heard


CONVERSATIONS = (whole, in_fragments, with_pings, in_a_row, much_at_once)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_every_conversation_is_the_same_with_and_without_the_proxy(compression: str | None) -> None:
    async def scene() -> None:
        async with both(compression) as ports:
            for conversation in CONVERSATIONS:
                heard = []
                for port in ports:
                    async with talk(port, compression) as socket:
                        heard.append(await conversation(socket))
                assert heard[0] == heard[1], conversation.__name__
                assert False not in heard[0], conversation.__name__

    run(scene())


async def closed_by_caller(port: int, code: int) -> tuple[int | None, str | None]:
    async with talk(port) as socket:
        await socket.close(code, f"reason {code}")
    return socket.close_code, socket.close_reason


async def closed_by_server(port: int, code: int) -> tuple[int | None, str | None]:
    async with talk(port) as socket:
        await socket.send(f"close {code} reason {code}")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    return socket.close_code, socket.close_reason


def test_close_codes_and_reasons_arrive_from_either_side() -> None:
    async def scene() -> None:
        async with both(None) as ports:
            for code in CODES:
                for closed in (closed_by_caller, closed_by_server):
                    direct, relayed = [await closed(port, code) for port in ports]
                    assert direct == relayed == (code, f"reason {code}")

    run(scene())


def test_a_server_that_declines_is_heard() -> None:
    async def scene() -> None:
        async with both(None) as (_, port):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(ASKED.replace(b"Sec-WebSocket-Version: 13\r\n", b""))
            assert (await read_head(reader)).startswith(b"HTTP/1.1 4")
            writer.close()

    run(scene())


# ends, which a library does not show


async def upgraded(stage: Stage) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A tunnel, from its caller's side."""
    reader, writer = await stage.dial()
    writer.write(ASKED)
    assert (await read_head(reader)).startswith(b"HTTP/1.1 101 ")
    return reader, writer


async def grant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_head(reader)
    writer.write(GRANTED)


async def is_over(stage: Stage) -> None:
    await until(lambda: not stage.listener.callers)
    for member in stage.listener.members():
        await until(lambda member=member: not member.opened)  # type: ignore[misc]
        assert member.stats.in_flight == 0
    assert stage.listener.admission.in_flight == 0


def is_full(caller: CallerConnection) -> bool:
    return isinstance(caller, Downstream) and caller.is_full


def counted(stage: Stage) -> Iterable[int]:
    (member,) = stage.listener.members()
    return member.stats.attempts, member.stats.answered, *member.stats.errors().values()


def test_what_the_caller_says_last_arrives_though_it_has_ended() -> None:
    """Half a megabyte, and the end, while the server does not read yet."""
    heard: list[bytes] = []

    async def serve_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await grant(reader, writer)
        await ended.wait()
        heard.append(await reader.read(-1))
        writer.write(b"thank you")

    async def scene() -> None:
        async with origin(serve_slowly) as port, relay(port) as stage:
            reader, writer = await upgraded(stage)
            writer.write(bytes(512 * 1024))
            writer.write_eof()
            ended.set()
            assert await reader.read(-1) == b"thank you"
            writer.close()
            await is_over(stage)
            assert [len(said) for said in heard] == [512 * 1024]
            assert counted(stage) == (1, 1, 0, 0, 0, 0)

    ended = asyncio.Event()
    run(scene())


def test_a_server_that_ends_is_heard_to_its_last_byte() -> None:
    async def say_and_go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await grant(reader, writer)
        writer.write(bytes(MEGABYTE))
        await writer.drain()

    async def scene() -> None:
        async with origin(say_and_go) as port, relay(port) as stage:
            reader, writer = await upgraded(stage)
            assert len(await reader.read(-1)) == MEGABYTE
            writer.close()
            await is_over(stage)

    run(scene())


def test_a_reset_by_the_server_is_a_reset_for_the_caller() -> None:
    async def crash(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await grant(reader, writer)
        await reader.readexactly(3)
        reset(writer)

    async def scene() -> None:
        async with origin(crash) as port, relay(port) as stage:
            reader, writer = await upgraded(stage)
            writer.write(b"now")
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            await is_over(stage)
            assert counted(stage) == (1, 1, 0, 0, 0, 0)

    run(scene())


def test_a_reset_by_the_caller_is_a_reset_for_the_server() -> None:
    ended: list[BaseException] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await grant(reader, writer)
        try:
            await reader.read(-1)
        except ConnectionResetError as error:
            ended.append(error)

    async def scene() -> None:
        async with origin(listen) as port, relay(port) as stage:
            _, writer = await upgraded(stage)
            reset(writer)
            await until(lambda: ended)
            await is_over(stage)

    run(scene())


def test_a_tunnel_without_a_byte_ends_in_time() -> None:
    limits = Limits(drain_seconds=5.0, tunnel_seconds=0.3)

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await grant(reader, writer)
        await reader.read(-1)

    async def scene() -> None:
        async with origin(listen) as port, relay(port, limits=limits) as stage:
            reader, writer = await upgraded(stage)
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            await is_over(stage)
            assert counted(stage) == (1, 1, 0, 0, 0, 0)

    run(scene())


def test_a_tunnel_is_given_the_time_of_the_drain_then_cut_and_counted() -> None:
    limits = Limits(drain_seconds=0.3)

    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await grant(reader, writer)
        while data := await reader.read(100):
            writer.write(data)

    async def scene() -> None:
        async with origin(repeat) as port, relay(port, limits=limits) as stage:
            reader, writer = await upgraded(stage)
            draining = asyncio.ensure_future(stage.server.drain())
            writer.write(b"still here")
            assert await reader.readexactly(10) == b"still here"
            assert await draining == 1
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()

    run(scene())


def test_a_caller_that_reads_slowly_holds_the_server_up() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await grant(reader, writer)
        for _ in range(32):
            writer.write(bytes(MEGABYTE))
            await writer.drain()
            poured.append(1)

    poured: list[int] = []

    async def scene() -> None:
        async with origin(pour) as port, relay(port) as stage:
            reader, writer = await upgraded(stage)
            await until(lambda: any(map(is_full, stage.listener.callers)))
            assert len(poured) < 32
            assert len(await reader.read(-1)) == 32 * MEGABYTE
            writer.close()
            await is_over(stage)

    run(scene())
