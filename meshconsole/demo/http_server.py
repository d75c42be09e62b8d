"""A small strict HTTP/1.1 server for the sample services: one protocol object per connection.

Messages are refused, not repaired: a bare line feed, a space before a colon, two lengths or
an unknown transfer coding ends the connection with 400.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

import msgspec

from proxy.aio import spawn

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 1024 * 1024
_HEAD = re.compile(
    rb"([A-Z]{1,16}) (/[\x21-\x7e]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*)\r\n"
)
_REASONS = {
    200: "OK", 201: "Created", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 413: "Content Too Large", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


class Request(msgspec.Struct, frozen=True):
    """One whole request; header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Response(msgspec.Struct, frozen=True):
    """One whole answer."""

    status: int
    body: bytes
    content_type: str = "application/json"


Handler = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """The bytes are not a request this server accepts; the text says why."""


def json_response(status: int, document: object) -> Response:
    """An answer with a JSON body."""
    return Response(status, json.dumps(document, separators=(",", ":")).encode())


class Connection(asyncio.Protocol):
    """Reads requests one after another and answers each before reading the next."""

    def __init__(self, handler: Handler, connections: set[Connection]) -> None:
        self._handler = handler
        self._connections = connections
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_HEAD_BYTES + MAX_BODY_BYTES:
            self._refuse("more bytes than one request may have")
        elif not self._busy:
            self._next()

    def close(self) -> None:
        """End this connection now."""
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> None:
        try:
            request = take_request(self._buffer)
        except Refused as refusal:
            self._refuse(str(refusal))
            return
        if request is not None:
            self._busy = True
            spawn(self._serve(request), name="sample-request")

    async def _serve(self, request: Request) -> None:
        try:
            response = await self._handler(request)
        except Exception as error:
            response = json_response(500, {"error": f"{type(error).__name__}: {error}"})
        self._busy = False
        if self._transport is None:
            return
        closing = request.headers.get("connection", "").lower() == "close"
        message = encode(response, head_only=request.method == "HEAD", closing=closing)
        self._transport.write(message)
        if closing:
            self._transport.close()
        elif self._buffer:
            self._next()

    def _refuse(self, reason: str) -> None:
        if self._transport is not None:
            self._transport.write(encode(json_response(400, {"error": reason}), closing=True))
            self._transport.close()


def encode(response: Response, *, head_only: bool = False, closing: bool = False) -> bytes:
    """The bytes of an answer."""
    head = (
        f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Status')}\r\n"
        f"content-type: {response.content_type}\r\n"
        f"content-length: {len(response.body)}\r\n"
    )
    closed = "connection: close\r\n\r\n" if closing else "\r\n"
    return (head + closed).encode("latin-1") + (b"" if head_only else response.body)


def take_request(buffer: bytearray) -> Request | None:
    """Remove one whole request from the front of `buffer`; None when it is not all there yet.

    Raises Refused when the bytes cannot become a request.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD_BYTES:
            raise Refused("the head is too long")
        return None
    found = _HEAD.fullmatch(buffer, 0, end + 4)
    if found is None:
        raise Refused("the head is malformed")
    headers = _headers(found[3])
    taken = _body(buffer, end + 4, headers)
    if taken is None:
        return None
    body, consumed = taken
    method, target = found[1].decode(), found[2].decode()
    del found  # a match keeps the buffer exported and unresizable
    del buffer[:consumed]
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body)


def _headers(lines: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines.decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in headers and name in ("content-length", "host", "transfer-encoding"):
            raise Refused(f"two {name} headers")
        headers[name] = value.strip(" \t")
    return headers


def _body(buffer: bytearray, start: int, headers: Mapping[str, str]) -> tuple[bytes, int] | None:
    """The body and where it ends, or None when more bytes are needed."""
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length", "0" if coding is None else None)
    if coding is not None:
        if length is not None or coding.lower() != "chunked":
            raise Refused("the framing is ambiguous")
        return _chunks(buffer, start)
    if length is None or not re.fullmatch(r"[0-9]{1,9}", length):
        raise Refused("content-length is not a number")
    size = int(length)
    if size > MAX_BODY_BYTES:
        raise Refused("the body is too long")
    end = start + size
    return (bytes(buffer[start:end]), end) if len(buffer) >= end else None


def _chunks(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    body = b""
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        size_text = bytes(buffer[start:line_end])
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,6}", size_text):
            raise Refused("a chunk size is malformed")
        size = int(size_text, 16)
        data_at = line_end + 2
        if len(body) + size > MAX_BODY_BYTES:
            raise Refused("the body is too long")
        if len(buffer) < data_at + size + 2:
            return None
        if buffer[data_at + size : data_at + size + 2] != b"\r\n":
            raise Refused("a chunk does not end where it says")
        if size == 0:
            return body, data_at + 2
        body += bytes(buffer[data_at : data_at + size])
        start = data_at + size + 2


async def serve(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Listen on `host:port`; raises OSError when the port is taken."""
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: Connection(handler, connections), host, port, backlog=1024
    )
