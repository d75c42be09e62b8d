"""A caller's connection: reads its requests one after another and writes their answers.

Requests that arrive early wait in a bounded buffer until the one before is answered. A refused
caller is still read for a moment, so that it can read the refusal before the connection ends.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import cast

from proxy.appetite import Appetite, taken_by
from proxy.encryption.peers import Peer, encryption_of
from proxy.ends import reset
from proxy.errors import BadMessage, Refusal, malformed
from proxy.facing import Door
from proxy.http1.bodies import Reader, chunk, last_chunk, reader_of
from proxy.http1.heads import (
    CHUNKED,
    HEAD_LIMIT,
    SWITCHING,
    TUNNEL,
    UPGRADE,
    Request,
    Response,
    framing_of,
    parse_request,
    plain_bytes,
    refusal_bytes,
    response_bytes,
    sole_request,
)
from proxy.http1.lines import bare_line_end
from proxy.http1.upstream import UNSAFE_IDLE_SECONDS
from proxy.links.account import Account
from proxy.relay import Exchange
from proxy.sockets import has_unread

BUFFER_LIMIT = 64 * 1024
"""Bytes kept of what a caller sends before it is wanted; then reading stops."""
CLOSE = b"connection: close\r\n"
KEEP_ALIVE = b"connection: keep-alive\r\n"
READING_HEAD, READING_BODY, ANSWERING, LINGERING = range(4)
"""Phases. ANSWERING: the request is read as far as it may be now."""
CR = 13
QUIET_SECONDS = UNSAFE_IDLE_SECONDS + 1.0
"""While draining, a connection without a request for so long is closed. A pool like ours sends
nothing on it by then that could not be sent again: a close that crosses a request loses none."""
_HELD_BY_BUFFER, _HELD_BY_UPSTREAM = 1, 2


class Downstream(asyncio.Protocol):
    """One connection of a caller."""

    __slots__ = (
        "_appetite", "_blank", "_body", "_buffer", "_chunked", "_exchange", "_held", "_keep_alive",
        "_phase", "_request", "_searched", "_trusted", "account", "deadline", "encrypted",
        "is_full", "listener", "peer", "transport",
    )  # fmt: skip

    protocol = "http1"
    transport: asyncio.Transport
    _request: Request

    def __init__(self, listener: Door) -> None:
        self.listener = listener
        self._phase = READING_HEAD
        self._buffer = b""
        self._searched = 0
        """Bytes of the buffer in which no head ends."""
        self._blank = False
        """Was an empty line skipped before this head? A second one is not."""
        self._trusted = False
        self._appetite: Appetite | None = None
        """Of a caller that was full when the tick last looked, and has not caught up since."""
        self._body: Reader | None = None
        self._exchange: Exchange | None = None
        self._held = 0
        self._chunked = False
        """Is the answer under way said chunk by chunk?"""
        self._keep_alive = True
        """Does the connection stay open after the answer under way?"""
        self.deadline = 0.0
        """When this has waited long enough for what it waits for; on the monotonic clock."""
        self.account: Account | None = None
        self.encrypted = False
        self.peer: Peer | None = None
        self.is_full = False
        """Does the caller read slower than it is written to?"""

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.encrypted, self.peer = encryption_of(transport)
        self._trusted = self.encrypted and self.listener.side == "in"
        self.deadline = monotonic() + self.listener.limits.idle_seconds
        self.account = self.listener.account_of(self, "http1")
        if not self.listener.joined(self):
            self.transport.abort()

    @property
    def under_way(self) -> int:
        """One request, or none."""
        return int(self._exchange is not None)

    def data_received(self, data: bytes) -> None:
        if self._phase == READING_HEAD and not self.is_full:
            self._read_head(data)
        elif self._phase == READING_BODY:
            self._read_body(data)
        elif self._phase != LINGERING:
            self._buffer += data
            if len(self._buffer) >= BUFFER_LIMIT:
                self._hold(_HELD_BY_BUFFER)

    def eof_received(self) -> bool:
        """In a tunnel one way may end before the other, except in TLS; elsewhere it is the end."""
        exchange = self._exchange
        if exchange is None or exchange.status != SWITCHING:
            return False
        exchange.body_more(b"", True)
        return not self.encrypted

    def connection_lost(self, error: Exception | None) -> None:
        self.listener.left(self, error)
        self._phase = LINGERING
        self._buffer = b""  # what waits in it is begun for nobody
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.caller_left(self.listener.lost)

    def pause_writing(self) -> None:
        self.is_full = True
        if self._exchange is not None:
            self._exchange.caller_full(True)

    def resume_writing(self) -> None:
        self.is_full = False
        if self._exchange is not None:
            self._exchange.caller_full(False)
        else:
            self.deadline = max(self.deadline, monotonic() + self.listener.limits.idle_seconds)
            self._next()

    # requests

    def _read_head(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if data[0] == CR and data[:2] == b"\r\n" and not self._blank:
            self._blank = True
            data = data[2:]
        try:
            request = sole_request(data, self._trusted) if data[-4:] == b"\r\n\r\n" else None
            if request is not None:
                self._buffer = b""
            else:
                end = data.find(b"\r\n\r\n", self._searched) + 4
                if end < 4 or end > HEAD_LIMIT:
                    self._head_incomplete(data)
                    return
                request = parse_request(data[:end], self._trusted)
                self._buffer = data[end:]
        except BadMessage as error:
            self._refuse(error)
            return
        self._searched = 0
        self._blank = False
        self._phase = ANSWERING
        self._request = request
        if request.length:
            self._body = reader_of(request.length)
        account = self.account
        if account is not None:
            account.started += 1
        exchange = self._exchange = Exchange(self.listener, self, request, monotonic())
        exchange.begin()

    def _head_incomplete(self, data: bytes) -> None:
        if data and not self._searched:
            self.deadline = monotonic() + self.listener.limits.head_seconds
        if len(data) > HEAD_LIMIT:
            raise BadMessage(f"The head is longer than {HEAD_LIMIT} bytes.", 431)
        if bare_line_end(data, self._searched):
            raise BadMessage("A line of the head ends in a bare CR or LF.")
        self._buffer = data
        self._searched = max(0, len(data) - 3)

    def begin_body(self) -> tuple[bytes, bool, bytes]:
        """What there is of the body; more is told as it comes."""
        if self._request.length == TUNNEL:
            return (
                b"",
                False,
                b"",
            )  # what comes before the answer may be meant to pass for a request
        data, self._buffer = self._buffer, b""
        self._phase = READING_BODY
        self._release(_HELD_BY_BUFFER)
        return self._take(data) if data else (b"", False, b"")

    def _read_body(self, data: bytes) -> None:
        content, done, trailers = self._take(data)
        if (content or done) and self._exchange is not None:
            self._exchange.body_more(content, done, trailers)

    def _take(self, data: bytes) -> tuple[bytes, bool, bytes]:
        body, exchange = self._body, self._exchange
        if body is None or exchange is None:
            return b"", False, b""
        try:
            content = body.feed(data)
        except BadMessage as error:
            exchange.caller_broke(malformed(error))
            return b"", False, b""
        if body.done:
            self._phase = ANSWERING
            self._buffer = body.rest
            self._body = None
        return content, body.done, body.trailers

    def hold(self, held: bool) -> None:
        """Read no more for now: the upstream does not keep up. Or go on."""
        if held:
            self._hold(_HELD_BY_UPSTREAM)
        else:
            self._release(_HELD_BY_UPSTREAM)

    # answers

    def interim(self, response: Response) -> None:
        """A 1xx answer."""
        self.transport.write(response_bytes(response, b""))

    def answer(
        self, response: Response, length: int, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """The answer's head, in this hop's own framing, and the first of its content."""
        self._chunked = False
        request = self._request
        said = request.keep_alive if request.connection else request.minor
        ends = self.listener.draining and not self._buffer  # its next request is here already
        keep = self._keep_alive = said and self._body is None and not ends
        if keep and length >= 0 and request.minor and not response.mesh_flag:
            head = response.plain or plain_bytes(response)
            self.transport.write(head + content if content else head)
            return
        if response.status == SWITCHING:
            self._keep_alive = False
            self.transport.write(response_bytes(response, UPGRADE) + content)
            self._begin_tunnel()
            return
        framing = self._framing(response, length)
        if response.mesh_flag and self.listener.side == "out":
            framing += b"x-mesh-flag: %b\r\n" % response.mesh_flag
        head = response_bytes(response, framing + self._connection_line())
        if self._chunked:
            content = self._chunk(content, done, trailers)
        self.transport.write(head + content if content else head)

    def answer_more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More content, and perhaps the end of it."""
        if self._chunked:
            content = self._chunk(content, done, trailers)
        if content:
            self.transport.write(content)

    def _begin_tunnel(self) -> None:
        """The upstream agreed: now the caller's bytes may go there."""
        self._phase = READING_BODY
        data, self._buffer = self._buffer, b""
        self._release(_HELD_BY_BUFFER)
        if data:
            self._read_body(data)

    def refuse(self, refusal: Refusal) -> None:
        """A whole answer made here. What was sent of a body is not waited for."""
        request = self._request
        self._keep_alive = request.keep_alive and not request.length and not self.listener.draining
        line = self._connection_line()
        self.transport.write(refusal_bytes(refusal, line, request.method == b"HEAD"))

    def _framing(self, response: Response, length: int) -> bytes:
        """How this hop says the length of the answer's body."""
        if length > 0:
            return framing_of(length)
        if length < 0:
            if self._request.minor:
                self._chunked = True
                return framing_of(CHUNKED)
            self._keep_alive = False
            return b""
        if response.length is not None and response.status != 204:
            return framing_of(response.length)
        return b""

    def _chunk(self, content: bytes, done: bool, trailers: bytes) -> bytes:
        return chunk(content) + last_chunk(trailers) if done else chunk(content)

    def _connection_line(self) -> bytes:
        if self._request.minor:
            return b"" if self._keep_alive else CLOSE
        return KEEP_ALIVE if self._keep_alive else CLOSE

    def exchange_over(self) -> None:
        """The answer is written: on to the next request, or end."""
        exchange, self._exchange = self._exchange, None
        unread = self._body is not None or self._buffer != b""
        if exchange is not None and exchange.status == SWITCHING:
            unread = False  # a tunnel has no end of its own
            self.deadline = monotonic() + self.listener.limits.idle_seconds
        self._body = None
        if self._phase == LINGERING:
            return
        if not self._keep_alive:
            if unread:
                self._linger()
            else:
                self._phase = LINGERING
                self.transport.close()
            return
        self._phase = READING_HEAD
        self.deadline = monotonic() + self.listener.limits.idle_seconds
        self._release(_HELD_BY_UPSTREAM)
        if self._buffer and not self.is_full:
            asyncio.get_running_loop().call_soon(self._next)

    def turn_to(self, listener: Door) -> None:
        """See the listener like this from now on."""
        self.listener = listener

    def abort(self) -> None:
        """End at once, in a way that nobody takes for the end of an answer."""
        self._phase = LINGERING
        reset(self.transport)

    def _next(self) -> None:
        if self._phase == READING_HEAD and self._buffer and not self.is_full:
            data, self._buffer = self._buffer, b""
            self._release(_HELD_BY_BUFFER)
            self._read_head(data)

    def _refuse(self, error: BadMessage) -> None:
        refusal = malformed(error)
        self.listener.refused_unread(refusal)
        self.transport.write(refusal_bytes(refusal, CLOSE))
        self._linger()

    def _linger(self) -> None:
        """Say no more, but read on for a while: closing on unread bytes would reset the connection
        and could destroy the answer on its way."""
        self._phase = LINGERING
        self._buffer = b""
        self._release(_HELD_BY_BUFFER | _HELD_BY_UPSTREAM)
        self.deadline = monotonic() + self.listener.limits.linger_seconds
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def _hold(self, why: int) -> None:
        if not self._held:
            self.transport.pause_reading()
        self._held |= why

    def _release(self, why: int) -> None:
        if self._held:
            self._held &= ~why
            if not self._held and not self.transport.is_closing():
                self.transport.resume_reading()

    # time

    def sweep(self, now: float, draining: bool) -> None:
        """Called a few times a second: is something overdue?"""
        if (self.is_full or self._appetite is not None) and self._waits_for_reader(now):
            return
        if now < self.deadline:
            idle = self._phase == READING_HEAD and not self._buffer
            quiet_since = self.deadline - self.listener.limits.idle_seconds
            is_quiet = draining and idle and now - quiet_since > QUIET_SECONDS
            if is_quiet and not has_unread(self.transport):
                self.transport.close()
        elif self._exchange is not None:
            self._exchange.expired()
        elif self._phase == READING_HEAD and self._buffer:
            self._refuse(BadMessage("The head did not come in time.", 408))
        else:
            self.transport.abort()

    def _waits_for_reader(self, now: float) -> bool:
        """Is it now the caller's turn and nobody else's, as it has much to read? It is cut when it
        reads too slowly. In a tunnel nobody has to read."""
        exchange, appetite = self._exchange, self._appetite
        if exchange is not None and exchange.status in (0, SWITCHING):
            self._appetite = None
            return False
        patience = exchange.patience if exchange else self.listener.limits.idle_seconds
        if not self.is_full and not self.transport.get_write_buffer_size():
            self._appetite = None
        elif appetite is None:
            self._appetite = Appetite(now, patience, taken_by(self.transport))
        elif appetite.is_gone(self.transport, now, patience):
            self._appetite = None
            if exchange is not None:
                exchange.caller_left("SI")
            else:
                self.abort()
            return True
        return self.is_full
