"""A caller's HTTP/2 connection: its streams are requests, and a few rules keep it honest."""

from __future__ import annotations

import asyncio
from time import monotonic

from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, PingAckReceived, RequestReceived, StreamReset

from proxy.appetite import Appetite, taken_by
from proxy.encryption.peers import encryption_of
from proxy.ends import reset
from proxy.errors import BadMessage, Refusal, malformed
from proxy.http2.caller import CallerStream, refused_fields
from proxy.http2.fields import request_of
from proxy.http2.frames import Fault
from proxy.http2.limits import DRAIN_SECONDS, STALL_SECONDS, STREAMS, UNSENT
from proxy.http2.session import Session
from proxy.http2.stream import Stream
from proxy.http2.wire import LAST_STREAM
from proxy.links.account import Account
from proxy.listener import Listener

ASKED = b"draining"
"""A ping sent with the first GOAWAY: its answer says that the caller has read that."""


class Downstream(Session[CallerStream]):
    """One connection of a caller."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(server=True)
        self.listener = listener
        self.account: Account | None = None
        self._trusted = False
        """Is the caller a sidecar, whose identity was checked?"""
        self.deadline = 0.0
        """When a connection without requests, or one that is ending, has waited long enough."""
        self._appetite: Appetite | None = None
        """Of a caller that does not read its connection, whatever its windows say."""
        self._fresh: list[CallerStream] = []
        """Streams of this read: they begin when all of it is read, with their content."""
        self._began_at = 0.0
        """Since when something is begun and not whole; 0 is nothing."""
        self._warned_at = 0.0
        """When the end was announced; 0 is not yet."""
        self._last: int | None = None
        """The last stream that is served, once that is decided."""
        self._on[RequestReceived] = self.on_request

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.encrypted, self.peer = encryption_of(transport)
        self._trusted = self.encrypted and self.listener.side == "in"
        self.deadline = monotonic() + self.listener.limits.idle_seconds
        super().connection_made(transport)
        self.account = self.listener.account_of(self, "http2")
        if not self.listener.joined(self):
            self.transport.abort()

    @property
    def under_way(self) -> int:
        """Streams that are not answered yet."""
        return sum(stream.exchange is not None for stream in self.streams.values())

    def connection_lost(self, error: Exception | None) -> None:
        self.listener.left(self, error)
        self.ending = True
        self._leave_all()

    def pause_writing(self) -> None:
        """A caller that does not read is not read. A client must never do the same to its server:
        two that wait for each other would wait for ever."""
        super().pause_writing()
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    # requests

    def on_request(self, event: RequestReceived) -> None:
        """A head came: the stream begins, or is refused."""
        stream_id, ended = event.stream_id or 0, event.stream_ended is not None
        self.wire.conduct.opened()
        if self._last is not None and stream_id > self._last:
            self.wire.reset(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        if len(self.streams) >= STREAMS or self.unsent > UNSENT:
            self._misbehaved()
            self.wire.reset(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        try:
            request = request_of(event.headers or (), ended, self._trusted)
        except BadMessage as error:
            self._refuse_unread(stream_id, error)
            return
        if request.length is not None and request.length >= 0 and not ended:
            self.wire.expect(stream_id, request.length)
        stream = self.streams[stream_id] = CallerStream(self, stream_id, request)
        stream.ended = ended
        self._fresh.append(stream)

    def read_over(self) -> None:
        """Everything that came together is known: begin what began."""
        fresh, self._fresh = self._fresh, []
        for stream in fresh:
            if not stream.closed:
                stream.begin()
        if not self.wire.is_within:
            self._began_at = 0.0
        elif not self._began_at:
            self._began_at = monotonic()

    def finished(self, stream: CallerStream) -> None:
        """A stream is answered, whether or not all of its request came."""
        if stream.closed:
            return
        self.wire.conduct.answered()
        if not stream.ended or stream.reset_code != ErrorCodes.NO_ERROR:
            self.reset(stream, stream.reset_code)
        else:
            self.remove(stream)

    def remove(self, stream: CallerStream) -> None:
        """A stream is over; without any, the connection is idle."""
        super().remove(stream)
        if not self.streams:
            self.deadline = monotonic() + self.listener.limits.idle_seconds

    def progressed(self, stream: Stream, count: int) -> None:
        """The caller took something."""
        if isinstance(stream, CallerStream) and stream.appetite is not None:
            stream.appetite.took(count, monotonic(), stream.patience)

    # what callers should not do

    def on_reset(self, event: StreamReset) -> None:
        """A caller wants no answer any more, or broke the rules of its stream."""
        self._misbehaved()
        stream = self.streams.get(event.stream_id or 0)
        if stream is None:
            return
        self.remove(stream)
        if stream.exchange is not None:
            stream.exchange.caller_left()

    def broke(self, stream: CallerStream, why: str) -> None:
        """A request's content, or its trailer, is malformed: refuse it, and say so in HTTP/2."""
        self._misbehaved()
        stream.reset_code = ErrorCodes.PROTOCOL_ERROR
        refusal = Refusal(400, "DPE", why)
        if stream.exchange is not None:
            stream.exchange.caller_broke(refusal)
        elif not stream.taking:
            self.listener.refused_unread(refusal)
            stream.refuse(refusal)
        self.reset(stream, ErrorCodes.PROTOCOL_ERROR)

    def _refuse_unread(self, stream_id: int, error: BadMessage) -> None:
        """A head that is none: answered for who reads it, and reset for whose library does."""
        self._misbehaved()
        refusal = malformed(error)
        self.listener.refused_unread(refusal)
        sentence = refusal.sentence.encode("ascii", "replace") + b"\n"
        self.wire.head(stream_id, refused_fields(refusal), False)
        self.wire.content(stream_id, sentence, True)
        known = error.status in (431, 501)
        self.wire.reset(stream_id, ErrorCodes.NO_ERROR if known else ErrorCodes.PROTOCOL_ERROR)

    def _misbehaved(self) -> None:
        if not self.wire.conduct.resets.spend(monotonic()):
            raise Fault(ErrorCodes.ENHANCE_YOUR_CALM, "Too many streams end before their answer.")

    def on_goaway(self, event: ConnectionTerminated) -> None:
        """The caller leaves, with what is under way still to be answered."""
        self._warned_at = self._warned_at or monotonic()
        self._last = self.wire.last_stream
        if not self.streams:
            self._end(ErrorCodes.NO_ERROR)

    def fail(self, code: ErrorCodes, why: str) -> None:
        """The connection cannot go on: say why, to who still reads."""
        self.listener.refused_unread(Refusal(400, "DPE", why))
        self._end(code)
        self._leave_all()

    def _end(self, code: ErrorCodes) -> None:
        """Say the last, and read on for a moment: closing on unread bytes would destroy it."""
        if self.ending:
            return
        self.ending = True
        self.wire.goaway(code)
        self.flush()
        self.deadline = monotonic() + self.listener.limits.linger_seconds
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _leave_all(self) -> None:
        for stream in list(self.streams.values()):
            self.remove(stream)
            if stream.exchange is not None:
                stream.exchange.caller_left(self.listener.lost)

    def turn_to(self, listener: Listener) -> None:
        """See the listener like this from now on."""
        self.listener = listener

    def abort(self) -> None:
        """End it now."""
        reset(self.transport)

    # time

    def sweep(self, now: float, draining: bool) -> None:
        """Called a few times a second: is something overdue?"""
        if self.ending:
            if now >= self.deadline:
                self.transport.abort()
            return
        if self.paused or self._appetite is not None:
            self._sweep_reading(now)
        for stream in list(self.streams.values()):
            if stream.unsent:
                self._sweep_waiting(stream, now)
            elif now >= stream.deadline:
                self._overdue(stream)
            else:
                stream.appetite = None
        if self._began_at and now - self._began_at > self.listener.limits.head_seconds:
            self.fail(ErrorCodes.ENHANCE_YOUR_CALM, "A frame or a head did not come in time.")
        elif draining or self._warned_at:
            self._drain(now)
        elif not self.streams and now >= self.deadline:
            self._end(ErrorCodes.NO_ERROR)

    def _sweep_reading(self, now: float) -> None:
        """Does a caller whose connection is full read it, if slowly?"""
        patience = max((each.patience for each in self.streams.values()), default=STALL_SECONDS)
        if not self.paused and not self.transport.get_write_buffer_size():
            self._appetite = None
        elif self._appetite is None:
            self._appetite = Appetite(now, patience, taken_by(self.transport))
        elif self._appetite.is_gone(self.transport, now, patience):
            for stream in list(self.streams.values()):
                self._give_up(stream)
            self.abort()

    def _sweep_waiting(self, stream: CallerStream, now: float) -> None:
        """Does a caller open its windows for an answer? While its connection is full it cannot."""
        if self.paused:
            stream.appetite = None
        elif stream.appetite is None:
            stream.appetite = Appetite(now, stream.patience)
        elif now >= stream.appetite.until:
            self._give_up(stream)

    def _give_up(self, stream: CallerStream) -> None:
        if stream.exchange is not None:
            stream.exchange.caller_left("SI")
        else:
            self.reset(stream, ErrorCodes.CANCEL)

    def _overdue(self, stream: CallerStream) -> None:
        if stream.exchange is not None:
            stream.exchange.expired()
        else:
            self.reset(stream, ErrorCodes.CANCEL)

    def _drain(self, now: float) -> None:
        """First say that the end is near, so that no request on its way is lost; when the caller
        has had time to hear it, say which request was the last; then end with its answer."""
        if not self._warned_at:
            self._warned_at = now
            self.wire.goaway(ErrorCodes.NO_ERROR, LAST_STREAM)
            self.wire.ping(ASKED)
        elif self._last is None and now - self._warned_at > DRAIN_SECONDS:
            self._decide_last()
        elif self._last is not None and not self.streams:
            self._end(ErrorCodes.NO_ERROR)
        self.flush()

    def on_pong(self, event: PingAckReceived) -> None:
        """The caller has read that the end is near, and all it sent before is here."""
        if event.ping_data == ASKED and self._last is None and self._warned_at:
            self._decide_last()

    def _decide_last(self) -> None:
        self._last = self.wire.last_stream
        self.wire.goaway(ErrorCodes.NO_ERROR, self._last)
