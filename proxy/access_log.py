"""One JSON line per request, with Envoy's field names; lines wait for the tick to be written."""

from __future__ import annotations

import asyncio
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from proxy.aio import spawn
from proxy.errors import Refusal
from proxy.settings import InvalidSettings

if TYPE_CHECKING:
    from proxy.http1 import Request
    from proxy.relay import Exchange

logger = logging.getLogger(__name__)

LINES_LIMIT = 20_000
"""Lines kept while the disk is slow; more are dropped and counted."""


class Line(NamedTuple):
    """What is kept of a finished request until it is written."""

    at: float
    seconds: float
    request: Request | None
    status: int
    flag: str
    bytes_in: int
    bytes_out: int
    upstream_host: str
    upstream_cluster: str
    trace_id: bytes
    attempts: int


class AccessLog:
    """Appends to a file, or to standard output (`-`), off the event loop."""

    def __init__(self, place: str, listener: str) -> None:
        self._place = place
        self._listener = listener
        self._lines: list[Line] = []
        self.dropped = 0
        """Lines that could not be kept or written."""
        self._failing = False
        self._writing: asyncio.Task[None] | None = None
        self._encoder = msgspec.json.Encoder()

    def add(self, exchange: Exchange, seconds: float) -> None:
        """Remember a finished request."""
        if len(self._lines) >= LINES_LIMIT:
            self.dropped += 1
            return
        member, choice = exchange.member, exchange.choice
        self._lines.append(
            Line(
                time() - seconds,
                seconds,
                exchange.request,
                exchange.status,
                exchange.flag,
                exchange.bytes_in,
                exchange.bytes_out,
                member.endpoint.addr if member else "",
                choice.target.service.name if choice else "",
                exchange.trace_id,
                exchange.attempts,
            )
        )

    def add_unread(self, refusal: Refusal) -> None:
        """Remember bytes that were no request."""
        if len(self._lines) >= LINES_LIMIT:
            self.dropped += 1
        else:
            empty = Line(time(), 0.0, None, refusal.status, refusal.flag, 0, 0, "", "", b"", 0)
            self._lines.append(empty)

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
        try:
            await asyncio.to_thread(self._write, lines)
        except OSError as error:
            self.dropped += len(lines)
            if not self._failing:
                logger.warning("the access log loses lines: %s", error)
            self._failing = True
        else:
            self._failing = False

    def _write(self, lines: list[Line]) -> None:
        self._append(b"".join(self._encoder.encode(self._fields(line)) + b"\n" for line in lines))

    def _append(self, text: bytes) -> None:
        if self._place == "-":
            sys.stdout.buffer.write(text)
            sys.stdout.buffer.flush()
        else:
            with Path(self._place).open("ab") as file:
                file.write(text)

    def _fields(self, line: Line) -> dict[str, str | int | None]:
        request = line.request
        return {
            "start_time": datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds"),
            "listener": self._listener,
            "method": _text(request.method if request else None),
            "path": _text(request.target if request else None),
            "protocol": f"HTTP/1.{request.minor:d}" if request else None,
            "response_code": line.status,
            "response_flags": line.flag or "-",
            "bytes_received": line.bytes_in,
            "bytes_sent": line.bytes_out,
            "duration": round(line.seconds * 1000),
            "upstream_host": line.upstream_host or None,
            "upstream_cluster": line.upstream_cluster or None,
            "upstream_request_attempt_count": line.attempts,
            "authority": _text(request.host if request else None),
            "user_agent": _text(request.value(b"user-agent") if request else None),
            "x_request_id": _text(request.value(b"x-request-id") if request else None),
            "trace_id": line.trace_id.decode("latin-1") or None,
        }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
