"""One request, from its head to its last byte: choose, pick, send, answer, observe.

An `Exchange` stands between one caller's connection (`proxy.downstream`) and, one after another,
the connections it is tried on (`proxy.upstream`). It is told what happened and never waits, so the
usual request costs no task and no timer. Inbound and outbound differ only in their `Listener`.
"""

from __future__ import annotations

import random
from time import monotonic
from typing import TYPE_CHECKING

from proxy import errors
from proxy.balancer import pick
from proxy.bodies import LAST_CHUNK, chunk
from proxy.contract.reports import ErrorClass
from proxy.current import Choice, Member
from proxy.errors import Refusal
from proxy.http1 import (
    CHUNKED,
    Request,
    Response,
    framing_of,
    refusal_bytes,
    request_bytes,
    response_bytes,
)
from proxy.upstream import Upstream

if TYPE_CHECKING:
    from proxy.downstream import Downstream
    from proxy.listener import Listener

ATTEMPTS = 3
"""Connections tried for one request, at most."""
REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
CLOSE = b"connection: close\r\n"
KEEP_ALIVE = b"connection: keep-alive\r\n"
TRACEPARENT = b"\r\ntraceparent:"
UNREACHED = b"UF"
"""The flag of `errors.connect_failed`: nothing was sent."""


class Exchange:
    """One request and its answer."""

    # What most requests never change is left to the class: it saves a microsecond on each.
    choice: Choice | None = None
    member: Member | None = None
    connection: Upstream | None = None
    tried: tuple[Member, ...] = ()
    attempts = 0
    is_open = False
    """Is an attempt under way, and counted as in flight?"""
    reused = False
    request_sent = False
    """Is the whole request written, body and all?"""
    status = 0
    """What the caller was told; 0 until its answer begins."""
    chunked = False
    keep_alive = True
    bytes_in = 0
    bytes_out = 0
    flag = ""
    error: ErrorClass | None = None
    over = False
    trace_id = b""

    def __init__(self, listener: Listener, caller: Downstream, request: Request, now: float):
        self.listener = listener
        self.caller = caller
        self.request = request
        self.method = request.method
        self.can_repeat = request.method in REPEATABLE and not request.length
        """May it be sent again when nobody knows whether the first was seen?"""
        self.began = self.tried_at = now

    # choose, pick, send

    def begin(self) -> None:
        """Find out who may answer, and try one."""
        request = self.request
        traceparent = request.after(TRACEPARENT)
        if traceparent is None:
            self._new_trace()
        else:
            self.trace_id = traceparent[3:35]
        try:
            if request.upgrade and request.upgrade != b"h2c":
                raise errors.not_served("Upgrade")
            if self.method == b"CONNECT":
                raise errors.not_served("CONNECT")
            choice = self.choice = self.listener.routing.choose(request, self.trace_id)
            self.caller.deadline = self.began + choice.target.service.request_timeout_seconds
            member = pick(choice)
            if member is None:
                raise errors.no_endpoint(choice.target.service.name, choice.group)
            self._attempt(member, fresh=False)
        except Refusal as refusal:
            self._refuse(refusal)

    def _attempt(self, member: Member, fresh: bool) -> None:
        self.attempts += 1
        self.member = member
        connection = self.listener.pools.acquire(member, self, fresh)
        member.stats.attempts += 1
        member.stats.in_flight += 1
        self.is_open = True
        if connection is not None:
            self._send(connection, reused=True)

    def send(self, connection: Upstream) -> None:
        """A connection became free while this waited in line."""
        self._send(connection, reused=connection.used)

    def _send(self, connection: Upstream, reused: bool) -> None:
        self.connection = connection
        self.reused = reused
        request = self.request
        if request.length:
            body = self.caller.begin_body()
            if self.over:
                return
            connection.begin(self, request_bytes(request) + body)
        else:
            self.request_sent = True
            connection.begin(self, request_bytes(request))

    def body(self, content: bytes, done: bool) -> bytes:
        """The caller's content as it goes upstream."""
        self.bytes_in += len(content)
        self.request_sent = done
        if self.request.length == CHUNKED:
            return chunk(content) + LAST_CHUNK if done else chunk(content)
        return content

    def body_more(self, framed: bytes) -> None:
        """More of the caller's body."""
        if self.connection is not None:
            self.connection.write(framed)
            if self.choice is not None:
                self.caller.expect_progress(self.choice.target.service.request_timeout_seconds)

    # what goes wrong before an answer

    def connect_failed(self, detail: str) -> None:
        """Nothing was sent, so any request may try another endpoint."""
        self._failed("connect", detail)
        choice, member = self.choice, self.member
        if choice is None or member is None:
            return
        self.tried = (*self.tried, member)
        other = pick(choice, self.tried) if self.attempts < ATTEMPTS else None
        if other is None:
            self._refuse(errors.connect_failed(choice.target.service.name, detail))
        else:
            self._again(other, fresh=False)

    def connection_ended(self) -> None:
        """The upstream went away. Nobody knows whether it saw the request, so only one that may
        be repeated is, and only if a connection that was kept open explains the end."""
        self.connection = None
        member = self.member
        if member is None:
            return
        may_try = self.attempts < ATTEMPTS and not self.status
        if may_try and self.can_repeat and self.reused:
            self._close_attempt()
            self._again(member, fresh=True)
        elif self.status:
            self._broken(errors.bad_answer(member.stats.service, "it ended early."))
        else:
            self._broken(errors.connection_ended(member.stats.service))

    def answer_broken(self, why: str) -> None:
        """The answer is not HTTP/1.1."""
        self.connection = None
        if self.member is not None:
            self._broken(errors.bad_answer(self.member.stats.service, why))

    def expired(self) -> None:
        """Nothing has happened for too long: whoever was expected to act is told."""
        if not self.request_sent and self.connection is not None and not self.connection.full:
            self._drop_connection()
            self._end_with(Refusal(408, "DT", "The request's body did not come in time."))
        elif self.caller.is_full:
            self.caller_left("DT")
        else:
            self._drop_connection()
            self._broken(errors.too_slow(self.member.stats.service if self.member else ""))

    def caller_broke(self, refusal: Refusal) -> None:
        """The caller's body is malformed."""
        self._drop_connection()
        self._end_with(refusal)

    def caller_left(self, flag: str = "DC") -> None:
        """Nobody is there to answer."""
        if not self.over:
            self._drop_connection()
            self.flag = flag
            self.caller.abort()
            self._finish()

    # answer

    def interim(self, response: Response) -> None:
        """Passed on to who can understand it."""
        if self.request.minor:
            self.caller.write(response_bytes(response, b""))

    def answer(self, response: Response, length: int, content: bytes, done: bool) -> None:
        """The head, in this hop's own framing, with the first of the content."""
        status = response.status
        if status >= 500:
            unreached = response.mesh_flag == UNREACHED
            if unreached and done and self._try_another():
                return
            self.error = "connect" if unreached else "5xx"
        self.status = status
        framing = self._framing(response, length)
        if response.mesh_flag and self.listener.side == "out":
            framing += b"x-mesh-flag: %b\r\n" % response.mesh_flag
        head = response_bytes(response, framing + self._connection_line())
        self.bytes_out = len(content)
        if done:
            self.connection = None  # it may serve somebody else already
        if self.chunked:
            content = chunk(content)
            if done:
                content += LAST_CHUNK
        self.caller.write(head + content)
        if done:
            self._answered()
        else:
            self.caller.expect_progress(self._idle_seconds())

    def _framing(self, response: Response, length: int) -> bytes:
        """How this hop says the length of the answer's body."""
        if length > 0:
            return framing_of(length)
        if length < 0:
            self.chunked = self.keep_alive = bool(self.request.minor)
            return framing_of(CHUNKED) if self.chunked else b""
        if response.length is not None and response.status != 204:
            return framing_of(response.length)
        return b""

    def _try_another(self) -> bool:
        """An endpoint's sidecar says that it could not reach its application, so nothing was done
        and another endpoint may be asked; not with a body, which is gone."""
        choice, member = self.choice, self.member
        if choice is None or member is None or self.request.length or self.attempts >= ATTEMPTS:
            return False
        self.tried = (*self.tried, member)
        other = pick(choice, self.tried)
        if other is None:
            return False
        self.connection = None
        self._failed("connect", "its application cannot be reached")
        self._again(other, fresh=False)
        return True

    def answer_more(self, content: bytes, done: bool) -> None:
        """More content, and perhaps the end of it."""
        self.bytes_out += len(content)
        if done:
            self.connection = None  # it may serve somebody else already
        if self.chunked:
            content = chunk(content)
            if done:
                content += LAST_CHUNK
        if content:
            self.caller.write(content)
        if done:
            self._answered()
        else:
            self.caller.expect_progress(self._idle_seconds())

    def upstream_full(self, full: bool) -> None:
        """The upstream reads slower than the caller writes, or has caught up."""
        self.caller.hold(full)

    def caller_full(self, full: bool) -> None:
        """The caller reads slower than the upstream writes, or has caught up."""
        if self.connection is not None:
            self.connection.hold(full)

    def _connection_line(self) -> bytes:
        request = self.request
        self.keep_alive = (
            self.keep_alive
            and self.request_sent
            and not self.listener.draining
            and request.keep_alive
        )
        if request.minor:
            return b"" if self.keep_alive else CLOSE
        return KEEP_ALIVE if self.keep_alive else CLOSE

    # observe

    def _answered(self) -> None:
        member = self.member
        if member is not None:
            if self.error is None:
                member.stats.answered += 1
            else:
                self._failed(self.error, str(self.status))
        self._finish()

    def _failed(self, error: ErrorClass, detail: str) -> None:
        member, choice = self.member, self.choice
        if member is None or choice is None:
            return
        stats = member.stats
        stats.fail(error)
        self._close_attempt()
        self.listener.failures.failed(
            service=stats.service,
            endpoint=member.endpoint,
            error=error,
            detail=detail,
            elapsed=monotonic() - self.tried_at,
            interface=choice.target.interfaces.name_of(self.method, self.request.path),
            trace_id=self.trace_id.decode("latin-1"),
        )

    def _close_attempt(self) -> None:
        if self.is_open and self.member is not None:
            self.is_open = False
            self.member.stats.in_flight -= 1

    def _again(self, member: Member, fresh: bool) -> None:
        self.tried_at = monotonic()
        try:
            self._attempt(member, fresh)
        except Refusal as refusal:
            self._refuse(refusal)

    def _broken(self, refusal: Refusal) -> None:
        if refusal.error is not None:
            self._failed(refusal.error, refusal.sentence)
        self._end_with(refusal)

    def _end_with(self, refusal: Refusal) -> None:
        """Say it while nothing was said yet; later only a cut connection is honest."""
        if self.status:
            self.flag = refusal.flag
            self.error = refusal.error
            self.caller.abort()
            self._finish()
        else:
            self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        self.status = refusal.status
        self.flag = refusal.flag
        self.error = refusal.error
        self.keep_alive = not self.request.length
        self.request_sent = True
        self.listener.refused(refusal.flag)
        line = self._connection_line()
        self.caller.write(refusal_bytes(refusal, line, self.method == b"HEAD"))
        self._finish()

    def _drop_connection(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.leave()
        elif self.member is not None:
            self.listener.pools.forget(self.member, self)

    def _idle_seconds(self) -> float:
        return self.choice.target.service.idle_timeout_seconds if self.choice else 0.0

    def _new_trace(self) -> None:
        self.trace_id = b"%032x" % random.getrandbits(128)
        span = random.getrandbits(64)
        self.request.fields += b"traceparent: 00-%b-%016x-01\r\n" % (self.trace_id, span)

    def _finish(self) -> None:
        if not self.over:
            self.over = True
            self._close_attempt()
            self.listener.observe(self)
            self.caller.exchange_over(self.keep_alive)
