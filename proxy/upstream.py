"""One connection to an endpoint: writes requests, reads answers, tells its exchange."""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Protocol, cast

from proxy.bodies import Endless, Reader, reader_of
from proxy.current import Member
from proxy.errors import BadMessage
from proxy.http1 import ANSWER_HEAD_LIMIT, Response, bare_line_end, parse_response

if TYPE_CHECKING:
    from proxy.pools import Pools

UNSAFE_IDLE_SECONDS = 2.0
"""A request that may not be repeated takes no connection that was idle for longer: application
servers close theirs after as little as 5 s."""
INTERIM_LIMIT = 16
"""1xx answers before the real one."""
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Asking(Protocol):
    """What a connection tells the exchange that uses it, or that waits for it."""

    method: bytes
    can_repeat: bool
    """May the request be sent again when nobody knows whether the first was seen?"""
    request_sent: bool
    """Is the whole request written, body and all?"""

    def send(self, connection: Upstream) -> None:
        """Here is a connection: write the request."""

    def connect_failed(self, detail: str) -> None:
        """There will be none; nothing was sent."""

    def interim(self, response: Response) -> None:
        """A 1xx answer came; the real one follows."""

    def answer(self, response: Response, length: int, content: bytes, done: bool) -> None:
        """The answer's head came, with the first of its content."""

    def answer_more(self, content: bytes, done: bool) -> None:
        """More content; `done` says that it was the last."""

    def answer_broken(self, why: str) -> None:
        """The answer is not HTTP/1.1."""

    def connection_ended(self) -> None:
        """The connection ended before the answer did."""

    def upstream_full(self, full: bool) -> None:
        """The peer reads slower than the caller writes, or has caught up."""


class Upstream(asyncio.Protocol):
    """One connection to an endpoint: writes requests, reads answers, one at a time."""

    __slots__ = (
        "_buffer", "_held", "_interims", "_poll", "_pools", "_reader", "_reusable", "exchange",
        "full", "idle_since", "member", "opened", "transport", "used",
    )  # fmt: skip

    transport: asyncio.Transport

    def __init__(self, pools: Pools, member: Member) -> None:
        self._pools = pools
        self.member = member
        self.opened = False
        self.used = False
        """Has it waited in the pool or answered before? Then its peer may be closing it now."""
        self.exchange: Asking | None = None
        self.idle_since = 0.0
        self._buffer = b""
        self._reader: Reader | None = None
        self._reusable = True
        self._held = False
        self.full = False
        """Does the peer read slower than it is written to?"""
        self._interims = 0
        self._poll: select.poll | None = None

    def begin(self, exchange: Asking, data: bytes) -> None:
        """Write a request's head, and what there is of its body."""
        self.exchange = exchange
        self._interims = 0
        self.transport.write(data)

    def write(self, data: bytes) -> None:
        """More of the request's body."""
        self.transport.write(data)

    def hold(self, held: bool) -> None:
        """Read no more for now: the caller does not keep up. Or go on."""
        if held != self._held:
            self._held = held
            if held:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def leave(self) -> None:
        """The exchange ends before its answer does, so the connection is of no more use."""
        self.exchange = None
        self.abort()

    def close(self) -> None:
        """End it; nothing is in flight."""
        self.transport.close()

    def abort(self) -> None:
        """End it now, whatever is in flight."""
        self.transport.abort()

    def is_usable(self, now: float, can_repeat: bool) -> bool:
        """May a request start on this idle connection, or would its peer close under it?"""
        idle = now - self.idle_since
        if idle > self.member.idle_seconds or self.transport.is_closing():
            return False
        return can_repeat or (idle < UNSAFE_IDLE_SECONDS and not self._is_gone())

    def _is_gone(self) -> bool:
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self.transport.get_extra_info("socket").fileno(), _GONE)
        return bool(self._poll.poll(0))

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.opened = True

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            self.abort()
            return
        try:
            if self._reader is None:
                self._read_head(exchange, self._buffer + data if self._buffer else data)
            else:
                self._read_more(exchange, self._reader, data)
        except BadMessage as error:
            self.leave()
            exchange.answer_broken(str(error))

    def connection_lost(self, error: Exception | None) -> None:
        self._pools.ended(self)
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if error is None and isinstance(self._reader, Endless):
            exchange.answer_more(b"", True)
        else:
            exchange.connection_ended()

    def pause_writing(self) -> None:
        self.full = True
        if self.exchange is not None:
            self.exchange.upstream_full(True)

    def resume_writing(self) -> None:
        self.full = False
        if self.exchange is not None:
            self.exchange.upstream_full(False)

    # answers

    def _read_head(self, exchange: Asking, data: bytes) -> None:
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                if len(data) > ANSWER_HEAD_LIMIT or bare_line_end(data):
                    raise BadMessage("The head is malformed, or too long.")
                self._buffer = data
                return
            response = parse_response(data[:end])
            data = data[end:]
            if response.status >= 200:
                break
            self._interims += 1
            if self._interims > INTERIM_LIMIT:
                raise BadMessage("It answers 1xx without end.")
            exchange.interim(response)
        self._buffer = b""
        self._begin_answer(exchange, response, data)

    def _begin_answer(self, exchange: Asking, response: Response, data: bytes) -> None:
        self._reusable = response.keep_alive
        if response.idle_hint:
            self.member.idle_seconds = min(self.member.idle_seconds, response.idle_hint - 0.5)
        length = response.body_length(exchange.method == b"HEAD")
        if length == len(data):
            self._free(exchange)
            exchange.answer(response, length, data, True)
            return
        reader = self._reader = reader_of(length)
        content = reader.feed(data) if data or reader.done else b""
        if reader.done:
            self._reusable = self._reusable and not reader.rest
            self._free(exchange)
        exchange.answer(response, length, content, reader.done)

    def _read_more(self, exchange: Asking, reader: Reader, data: bytes) -> None:
        content = reader.feed(data)
        if reader.done:
            self._reusable = self._reusable and not reader.rest
            self._free(exchange)
        if content or reader.done:
            exchange.answer_more(content, reader.done)

    def _free(self, exchange: Asking) -> None:
        self._reader = None
        self.exchange = None
        self.hold(False)
        if self._reusable and exchange.request_sent:
            self.used = True
            self._pools.free(self)
        else:
            self.close()
