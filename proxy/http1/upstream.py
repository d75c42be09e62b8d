"""One HTTP/1.1 connection to an endpoint: writes requests, reads answers, tells its exchange."""

from __future__ import annotations

import asyncio
import select
from ssl import SSLError
from typing import TYPE_CHECKING, cast

from proxy.ends import reset
from proxy.errors import BadMessage
from proxy.http1.bodies import Endless, Reader, chunk, last_chunk, reader_of
from proxy.http1.heads import (
    ANSWER_HEAD_LIMIT,
    CHUNKED,
    SWITCHING,
    TUNNEL,
    Request,
    Response,
    parse_response,
    request_bytes,
)
from proxy.http1.lines import bare_line_end
from proxy.links.account import Account, Closing, End

if TYPE_CHECKING:
    from proxy.encryption.dialling import Way
    from proxy.pool import Pool
    from proxy.seam import Asking

UNSAFE_IDLE_SECONDS = 2.0
"""A request that may not be repeated takes no connection that was idle for longer: application
servers close theirs after as little as 5 s."""
INTERIM_LIMIT = 16
"""1xx answers before the real one."""
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
READ_LIMIT = 64 * 1024
"""Bytes of an answer read at once."""
_shared = memoryview(bytearray(READ_LIMIT))


class Upstream(asyncio.BufferedProtocol):
    """A connection that carries one request at a time, and so is its own link.

    It reads into a buffer that all share, so that no read brings more than `READ_LIMIT`: what comes
    with an answer's head is held whoever reads it, and may be held a hundred times for one caller
    of HTTP/2 who opens no window. The event loop by itself reads four times as much.
    """

    __slots__ = (
        "_buffer", "_chunked", "_ended", "_exchange", "_held", "_interims", "_poll", "_pool",
        "_reader", "_reusable", "_sent", "_to_head", "account", "ages_at", "closing",
        "drains_since", "encrypted", "endless", "full", "idle_since", "is_ready", "opened",
        "reused", "transport", "way",
    )  # fmt: skip

    account: Account
    ages_at: float
    transport: asyncio.Transport
    unfit = ""

    def __init__(self, pool: Pool, way: Way) -> None:
        self._pool = pool
        self.way = way
        self.encrypted = way.encrypted
        self.drains_since = 0.0
        self.closing: Closing = "by_peer"
        """Who will have ended it, as things stand."""
        self.opened = False
        self.is_ready = False
        self.reused = False
        self.idle_since = 0.0
        self._exchange: Asking | None = None
        self._buffer = b""
        self._reader: Reader | None = None
        self._reusable = True
        self._ended = False
        """Did the peer say that it sends no more: FIN in plaintext, close_notify in TLS?"""
        self._sent = True
        """Is the whole request written, body and all?"""
        self._chunked = False
        self._to_head = False
        self.endless = False
        """Did the peer agree to switch? Then bytes pass as they are, and ends and resets too."""
        self._held = False
        self.full = False
        self._interims = 0
        self._poll: select.poll | None = None

    # what the pool asks

    def take(self, now: float, can_repeat: bool) -> Upstream | None:
        """Itself, unless its peer may close it just as a request starts."""
        if self.transport.is_closing():
            return None
        if self.idle_since and self.reused:
            idle = now - self.idle_since
            if idle > self._pool.member.idle_seconds:
                return None
            if not can_repeat and (idle > UNSAFE_IDLE_SECONDS or self._is_gone()):
                return None
        return self

    @property
    def has_room(self) -> bool:
        """Taken is full."""
        return False

    @property
    def is_idle(self) -> bool:
        """Is nothing in flight on it?"""
        return self._exchange is None

    @property
    def under_way(self) -> int:
        """One request, or none."""
        return int(self._exchange is not None)

    def sweep(self, now: float) -> None:
        """Nothing is overdue: it is not told."""

    def close(self) -> None:
        """End it once nothing is in flight."""
        self._reusable = False
        if self._exchange is None:
            self._close()

    def drain(self) -> None:
        """End it with what is in flight: at once when that is nothing."""
        self.close()

    def abort(self) -> None:
        """End it now, whatever is in flight."""
        self.closing = "hard"
        self.transport.abort()

    # what the exchange asks

    def begin(
        self, exchange: Asking, request: Request, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """Write a request's head, and what there is of its body."""
        self._exchange = exchange
        self.account.started += 1
        self._interims = 0
        self._to_head = request.method == b"HEAD"
        self._sent = done
        head = request_bytes(request)
        if content or trailers or request.length:
            self._chunked = request.length == CHUNKED
            self.transport.write(head + self._framed(content, done, trailers))
        else:
            self.transport.write(head)

    def more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More of the request's body."""
        self._sent = done
        framed = self._framed(content, done, trailers)
        if framed:
            self.transport.write(framed)
        if done and self.endless:
            self._end_tunnel()

    def hold(self, held: bool) -> None:
        """Read no more for now: the caller does not keep up. Or go on."""
        if held != self._held:
            self._held = held
            if held:
                self.transport.pause_reading()
            elif not self.transport.is_closing():
                self.transport.resume_reading()

    def leave(self, end: End = "cancelled") -> None:
        """The exchange ends before its answer does, so the connection is of no more use."""
        if self._exchange is not None:
            self._exchange = None
            self.account.ended(end)
        self.closing = "hard"
        if not self.endless:
            self.transport.abort()
        elif self._sent:
            self._close()
        else:
            reset(self.transport)

    def _close(self) -> None:
        self.closing = "clean"
        self.transport.close()

    def _end_tunnel(self) -> None:
        """The caller's way has ended; the other goes on, except in TLS."""
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self._ended = True
            self.transport.close()

    def _framed(self, content: bytes, done: bool, trailers: bytes) -> bytes:
        if not self._chunked:
            return content
        return chunk(content) + last_chunk(trailers) if done else chunk(content)

    @property
    def _is_unheard(self) -> bool:
        """Has the peer never said anything?"""
        return not (self.reused or self._buffer or self._interims or self._reader)

    def _is_gone(self) -> bool:
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self.transport.get_extra_info("socket").fileno(), _GONE)
        return bool(self._poll.poll(0))

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.opened = True
        self.account = self._pool.joined(self)

    def get_buffer(self, _hint: int) -> memoryview:
        return _shared

    def buffer_updated(self, count: int) -> None:
        self.data_received(bytes(_shared[:count]))

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        exchange = self._exchange
        if exchange is None:
            self.transport.abort()
            return
        try:
            if self._reader is None:
                self._read_head(exchange, self._buffer + data if self._buffer else data)
            else:
                self._read_more(exchange, self._reader, data)
        except BadMessage as error:
            self.leave("failed")
            exchange.answer_broken(str(error))

    def eof_received(self) -> None:
        # Told for TLS only when close_notify came: an end without it may have been cut by anyone.
        self._ended = True

    def connection_lost(self, error: Exception | None) -> None:
        exchange, self._exchange = self._exchange, None
        self.account.left(self, self.closing)
        self._pool.ended(self)
        if exchange is None:
            return
        if error is None and self._ended and isinstance(self._reader, Endless):
            self.account.completed += 1
            exchange.answer_more(b"", True)
        else:
            self.account.ended("cut" if self.closing == "hard" else "failed")
            if self.encrypted and isinstance(error, SSLError) and self._is_unheard:
                self._pool.refused(self, reason := error.reason or str(error))
                exchange.unprocessed(f"it ended the TLS handshake ({reason})")
            else:
                exchange.connection_ended()

    def pause_writing(self) -> None:
        self.full = True
        if self._exchange is not None:
            self._exchange.upstream_full(True)

    def resume_writing(self) -> None:
        self.full = False
        if self._exchange is not None:
            self._exchange.upstream_full(False)

    # answers

    def _read_head(self, exchange: Asking, data: bytes) -> None:
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                if len(data) > ANSWER_HEAD_LIMIT or bare_line_end(data):
                    raise BadMessage("The head is malformed, or too long.")
                self._buffer = data
                return
            if end > ANSWER_HEAD_LIMIT:
                raise BadMessage("The head is too long.")
            response = parse_response(data[:end])
            data = data[end:]
            if response.status >= 200:
                break
            if response.status == SWITCHING:
                if response.upgrade != exchange.request.upgrade or not response.upgrade:
                    raise BadMessage("It switched to a protocol that nobody asked for.")
                break
            self._interims += 1
            if self._interims > INTERIM_LIMIT:
                raise BadMessage("It answers 1xx without end.")
            exchange.interim(response)
            if self._exchange is not exchange:
                return
        self._buffer = b""
        self._begin_answer(exchange, response, data)

    def _begin_answer(self, exchange: Asking, response: Response, data: bytes) -> None:
        self._reusable = self._reusable and response.reusable
        member = self._pool.member
        if response.idle_hint:
            member.idle_seconds = min(member.idle_seconds, response.idle_hint - 0.5)
        length = response.body_length(self._to_head)
        self.endless = length == TUNNEL
        if length == len(data):
            self._free()
            exchange.answer(response, length, data, True)
            return
        reader = self._reader = reader_of(length)
        content = reader.feed(data) if data or reader.done else b""
        if reader.done:
            self._reusable = self._reusable and not reader.rest
            self._free()
        exchange.answer(response, length, content, reader.done, reader.trailers)

    def _read_more(self, exchange: Asking, reader: Reader, data: bytes) -> None:
        content = reader.feed(data)
        if reader.done:
            self._reusable = self._reusable and not reader.rest
            self._free()
        if content or reader.done:
            exchange.answer_more(content, reader.done, reader.trailers)

    def _free(self) -> None:
        self._reader = None
        self._exchange = None
        self.account.completed += 1
        if self._held:
            self.hold(False)
        if self._reusable and self._sent:
            self.reused = True
            self._pool.has_room(self)
        else:
            self._close()
