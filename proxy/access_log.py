"""One JSON line per request, with Envoy's field names; lines wait for the tick to be written.

A line is made when its request ends and not later in bulk: a burst of them would hold up whoever is
being served then. Only the writing happens elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

import msgspec

from proxy.aio import spawn
from proxy.errors import Refusal
from proxy.settings import InvalidSettings

if TYPE_CHECKING:
    from proxy.relay import Exchange

logger = logging.getLogger(__name__)

USER_AGENT = b"\r\nuser-agent:"
REQUEST_ID = b"\r\nx-request-id:"
LINES_LIMIT = 20_000
"""Lines kept while the disk is slow; more are dropped and counted."""


class Line(msgspec.Struct, gc=False):
    """A finished request as it is written."""

    start_time: str
    listener: str
    method: str | None
    path: str | None
    protocol: str | None
    response_code: int
    response_flags: str
    bytes_received: int
    bytes_sent: int
    duration: int
    upstream_host: str | None
    upstream_cluster: str | None
    upstream_request_attempt_count: int
    authority: str | None
    user_agent: str | None
    x_request_id: str | None
    trace_id: str | None


class AccessLog:
    """Appends to a file, or to standard output (`-`), off the event loop."""

    def __init__(self, place: str, listener: str) -> None:
        self._place = place
        self._listener = listener
        self._lines: list[bytes] = []
        self.dropped = 0
        """Lines that could not be kept or written."""
        self._failing = False
        self._writing: asyncio.Task[None] | None = None
        self._second = 0
        self._prefix = ""
        self._encoder = msgspec.json.Encoder()

    def add(self, exchange: Exchange, seconds: float) -> None:
        """Remember a finished request."""
        if len(self._lines) < LINES_LIMIT:
            self._lines.append(
                self._encoder.encode(self._line(exchange, time() - seconds, seconds))
            )
        else:
            self.dropped += 1

    def add_unread(self, refusal: Refusal) -> None:
        """Remember bytes that were no request."""
        if len(self._lines) < LINES_LIMIT:
            self._lines.append(self._encoder.encode(self._unread_line(refusal)))
        else:
            self.dropped += 1

    def check(self) -> None:
        """Raises InvalidSettings when the file cannot be written."""
        try:
            self._append(b"")
        except OSError as error:
            raise InvalidSettings(
                f"--access-log {self._place} cannot be written ({error.strerror}): "
                "name a file in a folder that exists, or - for standard output."
            ) from None

    def write_soon(self) -> None:
        """Begin to write what is waiting, unless the disk still has to take what was before."""
        if self._lines and (self._writing is None or self._writing.done()):
            self._writing = spawn(self.flush(), name="write the access log")

    async def flush(self) -> None:
        """Write what is waiting; a full disk costs lines, never traffic."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            await asyncio.to_thread(self._write, lines)
        except OSError as error:
            self.dropped += len(lines)
            if not self._failing:
                logger.warning("the access log loses lines: %s", error)
            self._failing = True
        else:
            self._failing = False

    def _write(self, lines: list[bytes]) -> None:
        self._append(b"\n".join(lines) + b"\n")

    def _append(self, text: bytes) -> None:
        if self._place == "-":
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        else:
            with Path(self._place).open("ab") as file:
                file.write(text)

    def _line(self, exchange: Exchange, began: float, seconds: float) -> Line:
        request, member, choice = exchange.request, exchange.member, exchange.choice
        return Line(
            self._clock(began),
            self._listener,
            request.method.decode(),
            request.target.decode(),
            "HTTP/1.1" if request.minor else "HTTP/1.0",
            exchange.status,
            exchange.flag or "-",
            exchange.bytes_in,
            exchange.bytes_out,
            round(seconds * 1000),
            member.endpoint.addr if member else None,
            choice.target.service.name if choice else None,
            exchange.attempts,
            _text(request.host),
            _text(request.after(USER_AGENT)),
            _text(request.after(REQUEST_ID)),
            exchange.trace_id.decode("latin-1") or None,
        )

    def _unread_line(self, refusal: Refusal) -> Line:
        return Line(
            self._clock(time()), self._listener, None, None, None, refusal.status, refusal.flag,
            0, 0, 0, None, None, 0, None, None, None, None,
        )  # fmt: skip

    def _clock(self, at: float) -> str:
        second = int(at)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._prefix}{int((at - second) * 1000):03d}Z"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
