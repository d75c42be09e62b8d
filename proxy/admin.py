"""The operator's door, on loopback only: is it alive, what has it seen, what does it hold.

A browser on the same machine reaches loopback too, on behalf of whatever page it shows. So a
request that a page sent (it has an Origin), or that came by another name than loopback's (a name
somebody else points here), is refused.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping
from typing import NamedTuple, cast

import msgspec

from proxy.aio import spawn
from proxy.errors import BadMessage, Refusal, malformed
from proxy.http1.heads import HEAD_LIMIT, Request, parse_request, refusal_bytes
from proxy.http1.reasons import REASONS
from proxy.settings import HostPort, is_loopback
from proxy.sockets import Sockets

CONNECTIONS_LIMIT = 64
PATIENCE_SECONDS = 10.0
_JSON = b"application/json"
_PROMETHEUS = b"text/plain; version=0.0.4"


class Page(NamedTuple):
    """An answer: status, media type, body."""

    status: int
    kind: bytes
    body: bytes


class Door(NamedTuple):
    """A page, and the method that asks for it; a body is not read."""

    method: bytes
    page: Callable[[], Page]


class BodyDoor(NamedTuple):
    """A page that is told by its query and a body of `limit` bytes at most."""

    method: bytes
    limit: int
    page: Callable[[bytes, bytes], Page]


class SlowDoor(NamedTuple):
    """A page that takes a while, less than PATIENCE_SECONDS; a body is not read."""

    method: bytes
    page: Callable[[], Coroutine[None, None, Page]]


AnyDoor = Door | BodyDoor | SlowDoor
Doors = Mapping[bytes, AnyDoor]


def json_page(value: object, status: int = 200) -> Page:
    """A value as JSON that a person can read."""
    return Page(status, _JSON, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def metrics_page(text: str) -> Page:
    """Prometheus exposition."""
    return Page(200, _PROMETHEUS, text.encode())


class Admin:
    """A listener of its own; it shares nothing with traffic but the event loop."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.open_connections = 0
        self._sockets: tuple[socket.socket, ...] = ()
        self._accepting: list[asyncio.Server] = []

    async def open(self, place: HostPort, sockets: Sockets) -> None:
        """Listen, by sockets that `sockets` keeps; raises InvalidSettings when the port cannot be
        had."""
        self._sockets = await sockets.of("--admin", place, copies=1)

    async def accept(self) -> None:
        """Answer who asks."""
        loop = asyncio.get_running_loop()
        for one in self._sockets:
            server = await loop.create_server(lambda: _Visitor(self), sock=one.dup())
            self._accepting.append(server)

    def close(self) -> None:
        """Stop listening."""
        for server in self._accepting:
            server.close()
        self._accepting = []

    def door_of(self, request: Request) -> AnyDoor:
        """The door that a request may knock at; raises Refusal."""
        if request.value(b"origin") is not None or not is_local(request.host):
            raise Refusal(403, "NR", "Ask by a loopback address, and not from a web page.")
        door = self.doors.get(request.path)
        if door is None:
            known = ", ".join(path.decode() for path in self.doors)
            raise Refusal(404, "NR", f"There is no such page: ask for one of {known}.")
        if request.method != door.method:
            raise Refusal(405, "NR", f"Ask for this page with {door.method.decode()}.")
        return door


def is_local(host: bytes | None) -> bool:
    """Does a Host header name loopback? Without one nothing is claimed."""
    if not host:
        return True
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    return is_loopback(name.decode("ascii", "replace").strip("[]"))


class _Visitor(asyncio.Protocol):
    """One request per connection keeps it simple."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._buffer = b""
        self._request: Request | None = None
        self._slow: asyncio.Task[None] | None = None
        """Writes a page that takes a while."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._admin.open_connections += 1
        self._patience = asyncio.get_running_loop().call_later(
            PATIENCE_SECONDS, self._transport.abort
        )
        if self._admin.open_connections > CONNECTIONS_LIMIT:
            self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._admin.open_connections -= 1
        self._patience.cancel()

    def data_received(self, data: bytes) -> None:
        if self._transport.is_closing() or self._slow is not None:
            return
        self._buffer += data
        try:
            page = self._page()
        except BadMessage as error:
            self._say(refusal_bytes(malformed(error)))
        except Refusal as refusal:
            self._say(refusal_bytes(refusal))
        else:
            if page is not None:
                self._say(_page_bytes(page))

    def _page(self) -> Page | None:
        """The page asked for, or None until everything is here; raises BadMessage, Refusal."""
        request = self._request
        if request is None:
            end = self._buffer.find(b"\r\n\r\n") + 4
            if end < 4 and len(self._buffer) <= HEAD_LIMIT:
                return None
            request = self._request = parse_request(self._buffer[:end])
            self._buffer = self._buffer[end:]
        door = self._admin.door_of(request)
        if isinstance(door, Door):
            return door.page()
        if isinstance(door, SlowDoor):
            self._slow = spawn(self._say_slowly(door), name="answer at the admin door")
            return None
        length = request.length
        if length is None or length < 0:
            raise Refusal(411, "DPE", "Say how long the body is with Content-Length.")
        if length > door.limit:
            raise Refusal(413, "DPE", f"The body may have {door.limit} bytes.")
        if len(self._buffer) < length:
            return None
        return door.page(request.target.partition(b"?")[2], self._buffer[:length])

    async def _say_slowly(self, door: SlowDoor) -> None:
        try:
            answer = _page_bytes(await door.page())
        except Refusal as refusal:
            answer = refusal_bytes(refusal)
        if not self._transport.is_closing():
            self._say(answer)

    def _say(self, answer: bytes) -> None:
        self._transport.write(answer)
        self._transport.close()


def _page_bytes(page: Page) -> bytes:
    reason = b"OK" if page.status < 300 else REASONS.get(page.status, b"Error")
    return (
        b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n"
        b"cache-control: no-store\r\nconnection: close\r\n\r\n%b"
    ) % (page.status, reason, page.kind, len(page.body), page.body)
