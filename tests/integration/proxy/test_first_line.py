"""What looks like a request and is none never reaches an application as a TCP session."""

from __future__ import annotations

import asyncio

import pytest

from proxy.tcp.session import Session
from tests.integration.proxy.rig import PATIENCE_SECONDS, origin, relay, run, status_of, until

CROOKED = b"GE\x01T / HTTP/1.1\r\nX-Mesh-Source: shop\r\n\r\n"


class Careless:
    """A server that takes anything for a method; keeps what it has read, and answers a line."""

    def __init__(self) -> None:
        self.seen: list[bytearray] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = bytearray()
        self.seen.append(seen)
        while data := await reader.read(65536):
            seen += data
            writer.write(data)


def test_a_whole_request_line_with_an_illegal_byte_is_refused_as_http() -> None:
    server = Careless()

    async def scene() -> None:
        async with origin(server) as port, relay(port, speaks="auto") as stage:
            for crooked in (CROOKED, b"\r\n\x02" + CROOKED, CROOKED.replace(b" ", b"\x0c")):
                answer = await stage.say(crooked)
                assert status_of(answer) == 400
                assert b"x-mesh-flag: DPE" in answer
            assert server.seen == []

    run(scene())


async def _in_pieces(port: int, parts: tuple[bytes, bytes], seen: list[bytearray]) -> bytes:
    """Say one part, and the other once the first was passed on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(parts[0])
    if parts[0].find(b"\x01") > 0:
        await until(lambda: seen and seen[-1] == parts[0])
        assert await reader.readexactly(len(parts[0])) == parts[0]
    writer.write(parts[1])
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await reader.read(-1)
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


def test_however_it_is_cut_the_end_of_its_line_is_not_passed_on() -> None:
    server = Careless()
    end = CROOKED.index(b"\n") + 1

    async def scene() -> None:
        async with origin(server) as port, relay(port, speaks="auto") as stage:
            for at in range(1, end):
                server.seen.clear()
                said = await _in_pieces(stage.port, (CROOKED[:at], CROOKED[at:]), server.seen)
                assert said == b"reset" or status_of(said) == 400
                assert not any(b"\n" in seen for seen in server.seen)
                await until(lambda: not stage.listener.callers)
            assert stage.listener.refusals == {"DPE": end - 1}

    run(scene())


@pytest.mark.parametrize(
    "first",
    [
        b"AMQP\0\0\x09\x01",
        b"0\x0c\x02\x01\x01`\x07\x02\x01\x03\x04\0\x80\0",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0\0\0\x08log: GET / HTTP/1.1 200 OK\n",
    ],
)
def test_other_protocols_are_passed_on_at_once(first: bytes) -> None:
    async def scene() -> None:
        async with origin(Careless()) as port, relay(port, speaks="auto") as stage:
            reader, writer = await stage.dial()
            writer.write(first)
            assert await reader.readexactly(len(first)) == first
            writer.write(b"\n" + CROOKED)
            assert await reader.readexactly(1 + len(CROOKED)) == b"\n" + CROOKED
            (session,) = stage.listener.callers
            assert isinstance(session, Session)
            assert session.near.get_protocol() is session
            writer.write_eof()
            assert await reader.read(-1) == b""
            writer.close()

    run(scene())
