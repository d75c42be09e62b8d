"""Connections to endpoints: opened when needed, kept while warm, closed before the peer would.

A member's pool is its own slots (`proxy.current.Member`); `Pools` moves connections through them.
A request that finds none idle waits in line while a connection is opened; whichever comes free
first, a new one or a used one, goes to the first in line.
"""

from __future__ import annotations

import asyncio
import os
import select
import ssl
from collections.abc import Iterable
from time import monotonic
from typing import Protocol, cast

from proxy.aio import spawn
from proxy.bodies import Endless, Reader, reader_of
from proxy.current import Member
from proxy.errors import BadMessage, overflow
from proxy.http1 import ANSWER_HEAD_LIMIT, Response, bare_line_end, parse_response
from proxy.settings import Limits

UNSAFE_IDLE_SECONDS = 2.0
"""A request that may not be repeated takes no connection that was idle for longer: application
servers close theirs after as little as 5 s."""
INTERIM_LIMIT = 16
"""1xx answers before the real one."""
REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
"""Methods that may be sent again when nobody knows whether the first was seen."""

_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Asking(Protocol):
    """What a connection tells the exchange that uses it, or that waits for it."""

    method: bytes
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


class Pools:
    """The rules by which one listener's relay opens, shares and closes connections."""

    def __init__(self, limits: Limits, tls: ssl.SSLContext | None = None) -> None:
        self._limits = limits
        self.tls = tls
        """Mutual TLS to every endpoint, or None for plaintext."""

    def acquire(self, member: Member, asking: Asking, fresh: bool) -> Upstream | None:
        """An idle connection, or None: then `asking` waits in line and is told.

        `fresh` takes no idle one. Raises Refusal when the line is full.
        """
        if not fresh:
            connection = _idle_one(member, asking.method in REPEATABLE)
            if connection is not None:
                return connection
        if len(member.waiting) >= self._limits.pool_pending:
            raise overflow(member.stats.service)
        member.waiting.append(asking)
        self._dial_more(member)
        return None

    def forget(self, member: Member, asking: Asking) -> None:
        """The exchange no longer waits."""
        if asking in member.waiting:
            member.waiting.remove(asking)

    def free(self, connection: Upstream) -> None:
        """A connection with nothing in flight: to the first in line, or back to the pool."""
        member = connection.member
        if member.waiting:
            cast("Asking", member.waiting.popleft()).send(connection)
        elif member.retired:
            connection.close()
        else:
            connection.used = True
            connection.idle_since = monotonic()
            member.idle.append(connection)

    def ended(self, connection: Upstream) -> None:
        """A connection is no more."""
        member = connection.member
        member.opened -= 1
        if connection in member.idle:
            member.idle.remove(connection)
        self._dial_more(member)

    def sweep(self, members: Iterable[Member], now: float) -> None:
        """Close what has been idle too long; the longest idle stands first."""
        for member in members:
            idle = member.idle
            while idle and now - cast("Upstream", idle[0]).idle_since > member.idle_seconds:
                idle.pop(0).close()

    def close(self, members: Iterable[Member]) -> None:
        """Close every idle connection: this process ends."""
        for member in members:
            member.retire()

    def _dial_more(self, member: Member) -> None:
        while (
            member.dialing < len(member.waiting) and member.opened < self._limits.pool_connections
        ):
            member.dialing += 1
            member.opened += 1
            spawn(self._dial(member), name=f"dial {member.endpoint.addr}")

    async def _dial(self, member: Member) -> None:
        connection = Upstream(self, member)
        seconds = member.connect_seconds
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    member.host,
                    member.port,
                    ssl=self.tls,
                    server_hostname="" if self.tls else None,
                )
        except TimeoutError:
            self._dial_failed(connection, f"no connection within {seconds:g} s")
        except (OSError, UnicodeError) as error:
            self._dial_failed(connection, reason_of(error))
        else:
            member.dialing -= 1
            self.free(connection)

    def _dial_failed(self, connection: Upstream, detail: str) -> None:
        member = connection.member
        member.dialing -= 1
        if connection.opened:
            connection.abort()
        else:
            member.opened -= 1
        if member.waiting:
            cast("Asking", member.waiting.popleft()).connect_failed(detail)
        self._dial_more(member)


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

    def is_usable(self, now: float, repeatable: bool) -> bool:
        """May a request start on this idle connection, or would its peer close under it?"""
        idle = now - self.idle_since
        if idle > self.member.idle_seconds or self.transport.is_closing():
            return False
        return repeatable or (idle < UNSAFE_IDLE_SECONDS and not self._is_gone())

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


def reason_of(error: OSError | UnicodeError) -> str:
    """An error's own words, without numbers and addresses of this machine."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _idle_one(member: Member, repeatable: bool) -> Upstream | None:
    idle = member.idle
    now = monotonic()
    while idle:
        connection = cast("Upstream", idle.pop())
        if connection.is_usable(now, repeatable):
            return connection
        connection.close()
    return None
