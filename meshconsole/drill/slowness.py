"""Callers that are slow on purpose, of five kinds: each holds a connection for as long as it may.

A kind says how long one may be held and how it is to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable

import msgspec

from meshconsole.drill.callers import LOOPBACK

BEAT_SECONDS = 1.0
"""Between two signs of life."""
ROOM = 4096
"""Bytes that a slow reader has room for."""
READ_BYTES = 100
"""Taken in one beat: less than what a reader may."""
RESET, CLOSED, REFUSED = "reset", "closed", "408"

HEAD_SECONDS, IDLE_SECONDS = 10.0, 75.0
"""What a proxy allows for a head or a handshake, and between requests; a test compares."""
LARGE = "large"
"""A service with answers that last, and with little patience."""
PATIENCE_SECONDS = 6.0
"""Of that service, with a request and with a reader."""
SLACK_SECONDS = 4.0
"""For the tick, a beat, and a busy machine."""

Beat = Callable[["Hold"], Awaitable[None]]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One way to be slow."""

    name: str
    port: int
    says: bytes
    """At once."""
    beat: Beat
    """What it does in each beat."""
    room: int = 0
    """Bytes of its receive buffer; 0 is what the kernel gives."""
    ends: tuple[str, ...]
    """In one of these ways."""
    within: float
    """Seconds after which it has to have ended."""


class Hold:
    """One connection that is held."""

    def __init__(self, kind: Kind, own: socket.socket) -> None:
        self.kind = kind
        self.own = own
        self.beats = 0
        self.end = ""
        """How it ended, once it has."""

    async def last(self) -> str:
        """Be slow until the other side ends it; how it did."""
        while not self.end:
            try:
                await self.kind.beat(self)
            except ConnectionError:
                self._ended(RESET)
            if self.own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._ended(RESET)
            self.beats += 1
            if not self.end:
                await asyncio.sleep(BEAT_SECONDS)
        return self.end

    def _ended(self, how: str) -> None:
        """What was noted first holds."""
        self.end = self.end or how

    def say(self, data: bytes) -> None:
        """Send it, if there is room."""
        with contextlib.suppress(BlockingIOError):
            self.own.send(data)

    def hear(self, size: int = 4096) -> None:
        """Read what there is, and note what it means for this connection's end."""
        try:
            data = self.own.recv(size)
        except BlockingIOError:
            return
        if data.startswith(b"HTTP/1.1 ") and data[9:12] != b"200":
            self._ended(data[9:12].decode("latin-1"))
        elif not data:
            self._ended(CLOSED)


async def in_head(hold: Hold) -> None:
    """One more byte of a header."""
    hold.hear()
    hold.say(b"x")


async def in_body(hold: Hold) -> None:
    """A little more of a body."""
    hold.hear()
    hold.say(b"x" * 10)


async def in_hello(hold: Hold) -> None:
    """One more byte of what a TLS client says first."""
    hold.hear()
    hold.say(_HELLO[5 + hold.beats : 6 + hold.beats])


async def in_reading(hold: Hold) -> None:
    """A little of a large answer."""
    hold.hear(READ_BYTES)


async def in_silence(hold: Hold) -> None:
    """Nothing at all."""
    hold.hear()


def _hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(coming, going, server_hostname=LOOPBACK)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return going.read()


_HELLO = _hello()
HELLO_BEGINS = _HELLO[:5]


def kinds(plain: int, encrypted: int) -> list[Kind]:
    """Every kind of slow caller, by the ports of the two proxies."""
    head = f"GET / HTTP/1.1\r\nhost: {LARGE}\r\n".encode()
    body = f"POST / HTTP/1.1\r\nhost: {LARGE}\r\ncontent-length: 100000\r\n\r\n".encode()
    return [
        Kind(
            name="silence", port=plain, says=b"", beat=in_silence,
            ends=(CLOSED,), within=IDLE_SECONDS + SLACK_SECONDS,
        ),
        Kind(
            name="head", port=plain, says=head + b"x-slow: ", beat=in_head,
            ends=(REFUSED,), within=HEAD_SECONDS + SLACK_SECONDS,
        ),
        Kind(
            name="body", port=plain, says=body, beat=in_body,
            ends=(REFUSED,), within=PATIENCE_SECONDS + SLACK_SECONDS,
        ),
        Kind(
            name="reading", port=plain, says=head + b"\r\n", beat=in_reading, room=ROOM,
            ends=(RESET,), within=2 * PATIENCE_SECONDS + SLACK_SECONDS,
        ),
        Kind(
            name="handshake", port=encrypted, says=HELLO_BEGINS, beat=in_hello,
            ends=(CLOSED, RESET), within=HEAD_SECONDS + SLACK_SECONDS,
        ),
    ]  # fmt: skip
