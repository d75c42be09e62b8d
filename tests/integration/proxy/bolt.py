"""A caller and a server of SOFABolt, as scripted peers: frames are spelled out here once more."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from tests.integration.proxy.rig import LOOPBACK, PATIENCE_SECONDS

REQUEST_HEAD, ANSWER_HEAD = struct.Struct(">BBHBiBiHHi"), struct.Struct(">BBHBiBHHHi")
SERVICE = "com.acme.OrderService:1.0"


class Seen(msgspec.Struct, frozen=True):
    """A frame, read by other code than the proxy's."""

    type: int
    code: int
    id: int
    told: int
    """Timeout of a request, status of an answer."""
    headers: dict[str, str]
    content: bytes
    raw: bytes

    @property
    def status(self) -> int:
        return self.told

    @property
    def is_heartbeat(self) -> bool:
        return self.code == 0

    @property
    def is_go_away(self) -> bool:
        return self.code == 100


def block(headers: dict[str, str]) -> bytes:
    """A header block."""
    return b"".join(
        struct.pack(">i", len(part)) + part.encode() for pair in headers.items() for part in pair
    )


def request(
    id: int,
    content: bytes = b"",
    *,
    method: str = "create",
    service: str = SERVICE,
    app: str = "",
    timeout_ms: int = 3000,
    one_way: bool = False,
    **more: str,
) -> bytes:
    """A request as SOFARPC writes it."""
    headers = {
        "service": service,
        "sofa_head_target_service": service,
        "sofa_head_method_name": method,
        **({"sofa_head_target_app": app} if app else {}),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    class_, head = b"com.alipay.sofa.rpc.core.request.SofaRequest", block(headers)
    start = REQUEST_HEAD.pack(
        1, 2 if one_way else 1, 1, 1, id, 1, timeout_ms, len(class_), len(head), len(content)
    )
    return start + class_ + head + content


def answer(
    id: int, content: bytes = b"", status: int = 0, headers: dict[str, str] | None = None
) -> bytes:
    """An answer as SOFARPC writes it."""
    class_, head = b"com.alipay.sofa.rpc.core.response.SofaResponse", block(headers or {})
    start = ANSWER_HEAD.pack(1, 0, 2, 1, id, 1, status, len(class_), len(head), len(content))
    return start + class_ + head + content


def heartbeat(id: int) -> bytes:
    return REQUEST_HEAD.pack(1, 1, 0, 1, id, 1, -1, 0, 0, 0)


def heartbeat_answer(id: int) -> bytes:
    return ANSWER_HEAD.pack(1, 0, 0, 1, id, 1, 0, 0, 0, 0)


def go_away() -> bytes:
    return REQUEST_HEAD.pack(1, 1, 100, 1, 0, 1, 0, 0, 0, 0)


async def read(reader: asyncio.StreamReader, start: bytes = b"") -> Seen:
    """The next frame; raises IncompleteReadError at the end."""
    start = start or await reader.readexactly(2)
    shape = ANSWER_HEAD if start[1] == 0 else REQUEST_HEAD
    head = start + await reader.readexactly(shape.size - 2)
    _, type_, code, _, id_, _, told, class_, header, content = shape.unpack(head)
    rest = await reader.readexactly(class_ + header + content)
    lines = rest[class_ : class_ + header]
    strings = []
    while lines:
        length = int.from_bytes(lines[:4], "big")
        strings.append(lines[4 : 4 + length].decode())
        lines = lines[4 + length :]
    headers = dict(zip(strings[::2], strings[1::2], strict=True))
    return Seen(type_, code, id_, told, headers, rest[class_ + header :], head + rest)


class Caller:
    """A caller's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))
        await self.writer.drain()

    async def hear(self) -> Seen:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await read(self.reader)

    async def ask(self, frame: bytes) -> Seen:
        await self.say(frame)
        return await self.hear()

    async def ended(self) -> bytes:
        """What still comes until the other side ends the connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read(-1)


@asynccontextmanager
async def caller(port: int) -> AsyncIterator[Caller]:
    """A connection to a proxy."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()


Answering = Callable[[Seen], bytes | None]


def serving(
    answering: Answering,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """An origin that says what `answering` makes of each frame, and nothing for None."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            said = answering(await read(reader))
            if said is not None:
                writer.write(said)
                await writer.drain()

    return serve


def echo(seen: Seen) -> bytes | None:
    """The content back; heartbeats and requests without an answer as they should be."""
    if seen.is_heartbeat:
        return heartbeat_answer(seen.id)
    return answer(seen.id, seen.content) if seen.type == 1 else None
