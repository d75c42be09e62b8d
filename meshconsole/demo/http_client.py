"""A pooled HTTP/1.1 client that never sends a request twice, for services, load and drills."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Self, cast

import msgspec

IDLE_SECONDS = 4.0
"""A pooled connection older than this is not reused: sidecars keep theirs longer."""


class CallFailed(Exception):
    """No answer came; the request may or may not have been carried out."""


class Answer(msgspec.Struct, frozen=True):
    """One whole answer; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """Calls one `host:port`; at most `idle` connections are kept between calls."""

    def __init__(self, host: str, port: int, *, idle: int = 64) -> None:
        self.host = host
        self.port = port
        self._idle: deque[tuple[float, _Line]] = deque(maxlen=None)
        self._keep = idle

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await asyncio.sleep(0)  # lets the loop end what was closed

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_seconds: float = 10.0,
    ) -> Answer:
        """Send one request and return its answer; raises CallFailed after at most the timeout."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        if not lines.lower().startswith("host:") and "\r\nhost:" not in lines.lower():
            lines = f"host: {self.host}:{self.port}\r\n{lines}"
        length = f"content-length: {len(body)}\r\n" if body or method != "GET" else ""
        message = f"{method} {path} HTTP/1.1\r\n{lines}{length}\r\n".encode("latin-1") + body
        line: _Line | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                line = await self._line()
                answer = await line.exchange(message, head_only=method == "HEAD")
        except BaseException as error:
            if line is not None:
                line.close()
            if isinstance(error, TimeoutError):
                raise CallFailed(f"no answer within {timeout_seconds:g} s") from error
            if isinstance(error, OSError):
                raise CallFailed(str(error)) from error
            raise
        if line.reusable and len(self._idle) < self._keep:
            self._idle.append((asyncio.get_running_loop().time(), line))
        else:
            line.close()
        return answer

    def close(self) -> None:
        """Close every kept connection."""
        while self._idle:
            self._idle.pop()[1].close()

    async def _line(self) -> _Line:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._idle and now - self._idle[0][0] > IDLE_SECONDS:
            self._idle.popleft()[1].close()
        while self._idle:
            line = self._idle.pop()[1]
            if line.reusable:
                return line
        _, line = await loop.create_connection(_Line, self.host, self.port)
        return line


class _Line(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiter: asyncio.Future[Answer] | None = None
        self._head_only = False
        self.reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.reusable = False
        if self._waiter is not None and not self._waiter.done():
            self._finish_at_close(self._waiter, exc)

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()
            return
        self._buffer += data
        answer = _take_answer(self._buffer, head_only=self._head_only)
        if isinstance(answer, Answer):
            if answer.headers.get("connection", "").lower() == "close" or self._buffer:
                self.reusable = False
            self._waiter.set_result(answer)

    async def exchange(self, message: bytes, *, head_only: bool) -> Answer:
        """Write one message and wait for its answer."""
        if self._transport is None:
            raise ConnectionResetError("the connection was closed before the request was sent")
        self._head_only = head_only
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """End this connection now."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _finish_at_close(self, waiter: asyncio.Future[Answer], exc: Exception | None) -> None:
        answer = _take_answer(self._buffer, head_only=self._head_only, ended=True)
        if answer is None or exc is not None:
            problem = exc or ConnectionResetError("the connection was closed before the answer")
            waiter.set_exception(problem)
        else:
            waiter.set_result(answer)


def _take_answer(buffer: bytearray, *, head_only: bool, ended: bool = False) -> Answer | None:
    """Remove one whole answer from the front of `buffer`, or None when more is needed."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    start = end + 4
    if head_only or status in (204, 304):
        body, consumed = b"", start
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        taken = _take_chunks(buffer, start)
        if taken is None:
            return None
        body, consumed = taken
    elif "content-length" in headers:
        consumed = start + int(headers["content-length"])
        if len(buffer) < consumed:
            return None
        body = bytes(buffer[start:consumed])
    elif ended:
        body, consumed = bytes(buffer[start:]), len(buffer)
    else:
        return None
    del buffer[:consumed]
    return Answer(status, headers, body)


def _take_chunks(buffer: bytearray, start: int) -> tuple[bytes, int] | None:
    body = b""
    while True:
        line_end = buffer.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(bytes(buffer[start:line_end]).split(b";")[0], 16)
        end = line_end + 2 + size
        if len(buffer) < end + 2:
            return None
        if size == 0:
            return body, end + 2
        body += bytes(buffer[line_end + 2 : end])
        start = end + 2
