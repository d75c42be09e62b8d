"""A caller that writes HTTP/2 frames as bytes: what no library would let it say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from proxy.http2.compression import encoded
from proxy.http2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
)
from proxy.sniff import PREFACE
from tests.integration.proxy.http2_peers import GET, Fields
from tests.integration.proxy.rig import PATIENCE_SECONDS, Stage


class Got(NamedTuple):
    """A frame that came."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of a reset or a GOAWAY."""
        at = 4 if self.kind == GOAWAY else 0
        return int.from_bytes(self.payload[at : at + 4], "big")


def frame(kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> bytes:
    """A frame as bytes."""
    return (
        len(payload).to_bytes(3, "big")
        + bytes((kind, flags))
        + stream_id.to_bytes(4, "big")
        + payload
    )


def block(fields: Fields) -> bytes:
    """A header block that needs no table."""
    return b"".join(encoded(name, value) for name, value in fields)


def headers(stream_id: int, fields: Fields = GET, flags: int = END_HEADERS | END_STREAM) -> bytes:
    """A HEADERS frame."""
    return frame(HEADERS, flags, stream_id, block(fields))


def number(value: int) -> bytes:
    """Four bytes."""
    return value.to_bytes(4, "big")


class Raw:
    """A connection on which anything may be said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.got: list[Got] = []
        self.closed = False
        self._buffer = b""

    def say(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def greet(self, *settings: tuple[int, int]) -> None:
        """The preface and both sides' SETTINGS."""
        body = b"".join(key.to_bytes(2, "big") + number(value) for key, value in settings)
        self.say(PREFACE, frame(SETTINGS, 0, 0, body))
        await self.until(lambda got: got.kind == SETTINGS and not got.flags & ACK)
        self.say(frame(SETTINGS, ACK))

    async def until(self, fact: Callable[[Got], bool]) -> Got | None:
        """The first frame of all that came for which the fact holds; None when the end came."""
        at = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                while at < len(self.got):
                    if fact(self.got[at]):
                        return self.got[at]
                    at += 1
                if self.closed:
                    return None
                await self._read()

    async def ended(self) -> None:
        """Read until the connection ends."""
        await self.until(lambda _got: False)

    async def kind(self, kind: int) -> Got | None:
        return await self.until(lambda got: got.kind == kind)

    async def answer(self, stream_id: int) -> Got | None:
        """The end of an answer, or of its stream."""
        return await self.until(
            lambda got: (
                got.stream_id == stream_id
                and (
                    got.kind == RST_STREAM or (got.kind <= HEADERS and bool(got.flags & END_STREAM))
                )
            )
        )

    async def alive(self) -> bool:
        """Does the connection answer a ping?"""
        mark = b"%08d" % len(self.got)
        self.say(frame(PING, 0, 0, mark))
        got = await self.until(
            lambda got: got.kind == GOAWAY or (got.kind == PING and got.payload == mark)
        )
        return got is not None and got.kind == PING

    @property
    def goaways(self) -> list[tuple[int, int]]:
        """Error code and last stream of each."""
        return [
            (got.code, int.from_bytes(got.payload[:4], "big"))
            for got in self.got
            if got.kind == GOAWAY
        ]

    def reset(self, stream_id: int) -> bool:
        """Was a stream reset, of what has come?"""
        return any(got.kind == RST_STREAM and got.stream_id == stream_id for got in self.got)

    def content(self, stream_id: int) -> bytes:
        return b"".join(
            got.payload for got in self.got if got.kind == DATA and got.stream_id == stream_id
        )

    async def _read(self) -> None:
        try:
            data = await self.reader.read(262_144)
        except ConnectionError:
            data = b""
        self.closed = not data
        self._buffer += data
        while len(self._buffer) >= 9:
            end = 9 + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < end:
                break
            kind, flags = self._buffer[3], self._buffer[4]
            stream_id = int.from_bytes(self._buffer[5:9], "big")
            self.got.append(Got(kind, flags, stream_id, self._buffer[9:end]))
            self._buffer = self._buffer[end:]


@asynccontextmanager
async def raw(stage: Stage) -> AsyncIterator[Raw]:
    """A crooked caller of the relay under test."""
    reader, writer = await stage.dial()
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
