"""A caller's connection that carries many framed requests at once, each an exchange of its own.

What is in flight is bounded by not reading: a request begins only when there is a place for it.
Answers cannot be held one by one, as these protocols have no windows; while a caller that does not
read has too much unread, the connections that answer it are not read either, but only for a
moment: then the caller's connection ends, so that it cannot hold up others.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from proxy.appetite import Appetite, taken_by
from proxy.encryption.peers import Peer, encryption_of
from proxy.errors import BadMessage, malformed
from proxy.links.account import Account
from proxy.relay import Exchange
from proxy.rpc.call import Call
from proxy.rpc.frames import ONE_WAY, PING, REQUEST, Codec, Frame
from proxy.rpc.heads import FramedRequest
from proxy.rpc.outlet import GATHERING, Outlet
from proxy.rpc.reserve import LARGE, RESERVE

if TYPE_CHECKING:
    from proxy.listener import Listener

CALLS_LIMIT = 256
"""Requests in flight on one connection; later ones wait unread."""
UNREAD_LIMIT = 8 * 1024 * 1024
"""Bytes of answers that wait for a caller to read them."""
UNREAD_SECONDS = 5.0
"""How long a caller with more than that may hold up those who answer it."""
FRAME_SECONDS = 30.0
"""From the first byte of a frame to its last."""
QUIET_SECONDS = 1.0
"""While draining, a connection without a request for so long is closed."""


class Downstream(Outlet, asyncio.Protocol):
    """One connection of a caller."""

    __slots__ = (
        "_appetite", "_broken", "_calls", "_deadline", "_frame_since", "_heard", "_holds_up_since",
        "_is_full", "_left_at", "_paused", "_reader", "_reading", "_reserved", "_slow_upstreams",
        "_trusted", "account", "codec", "encrypted", "listener", "peer",
    )  # fmt: skip

    def __init__(self, listener: Listener, codec: Codec) -> None:
        Outlet.__init__(self)
        self.listener = listener
        self.codec = codec
        self.account: Account | None = None
        self.encrypted = False
        self.peer: Peer | None = None
        self._appetite: Appetite | None = None
        """Of a caller that was full when the tick last looked, and has not caught up since."""
        self._broken = False
        """Were there bytes that are no frame? Then what is in flight is still answered."""
        self._reader = codec.reader()
        self._calls: dict[int, Call] = {}
        """Requests in flight by the caller's numbers."""
        self._deadline = 0.0
        """When it has been silent for too long; on the monotonic clock."""
        self._heard = False
        self._frame_since = 0.0
        """When the tick first saw the frame that is not whole yet; 0 is none."""
        self._holds_up_since = 0.0
        self._is_full = False
        self._left_at = 0.0
        """When the caller was asked to send no more requests; 0 is not yet."""
        self._paused = False
        self._reading = False
        self._reserved = 0
        """Bytes of the reserve for the frame that is coming."""
        self._slow_upstreams = 0
        self._trusted = False

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.encrypted, self.peer = encryption_of(transport)
        self._trusted = self.encrypted and self.listener.side == "in"
        self._deadline = monotonic() + self.listener.limits.idle_seconds
        self.account = self.listener.account_of(self, self.codec.name)
        if not self.listener.joined(self):
            self.transport.abort()

    @property
    def under_way(self) -> int:
        """Requests without an answer."""
        return len(self._calls)

    def data_received(self, data: bytes) -> None:
        if not self._broken:
            self._heard = True
            self._reader.feed(data)
            self._read()

    def connection_lost(self, error: Exception | None) -> None:
        self.listener.left(self, error)
        self._give_back()
        calls = list(self._calls.values())
        self._calls.clear()
        for call in calls:
            call.exchange.caller_left(self.listener.lost)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._heard = True  # of a caller that had much to read nobody expected a word
        if self._holds_up_since:
            self._holds_up_since = 0.0
            self._hold_up(False)
        self._read()

    # requests

    def _read(self) -> None:
        """Begin every request there is a place for, and say whether more bytes are wanted."""
        if self._reading or self._broken or self.transport.is_closing():
            return
        self._reading = True
        GATHERING.begin()
        try:
            while self._may_read() and (frame := self._reader.next()) is not None:
                self._frame_since = 0.0
                self._take(frame)
                if self._reserved:
                    self._give_back()
            may_read = self._may_read()
        except BadMessage as error:
            self._refuse_unread(error)
            return
        finally:
            self._reading = False
            GATHERING.end()
        if self._paused == may_read and not self.transport.is_closing():
            self._paused = not may_read
            if self._paused:
                self._frame_since = 0.0  # it does not come because it is not read
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def _may_read(self) -> bool:
        """Is there a place for a request, and a share of the reserve if a large one is coming?"""
        if self._is_full or self._slow_upstreams or len(self._calls) >= CALLS_LIMIT:
            return False
        wanted = self._reader.wanted
        if wanted <= LARGE or self._reserved:
            return True
        if RESERVE.take(wanted):
            self._reserved = wanted
            return True
        return False

    def _give_back(self) -> None:
        share, self._reserved = self._reserved, 0
        RESERVE.give(share)

    def _take(self, frame: Frame) -> None:
        if frame.kind in (REQUEST, ONE_WAY):
            self._begin(frame)
        elif frame.kind == PING:
            self.write(self.codec.pong(frame))
        # the rest asks for nothing: no request was sent to the caller

    def _begin(self, frame: Frame) -> None:
        try:
            request = self.codec.request(frame, self._trusted)
        except BadMessage as error:
            refusal = malformed(error)
            self.listener.refused_unread(refusal)
            if frame.kind == REQUEST:
                self.write(self.codec.refusal(frame, refusal))
            return
        if frame.id in self._calls:
            raise BadMessage(f"Two requests in flight have the same number, {frame.id}.")
        self._exchange(frame, request)

    def _exchange(self, frame: Frame, request: FramedRequest) -> None:
        call = self._calls[frame.id] = Call(self, frame)
        if len(frame.raw) > LARGE:
            if not self._reserved:
                self._reserved = RESERVE.hold(len(frame.raw))
            call.reserved, self._reserved = self._reserved, 0
        now = monotonic()
        if self.account is not None:
            self.account.started += 1
        exchange = call.exchange = Exchange(self.listener, call, request, now)
        exchange.begin()
        if frame.timeout_ms > 0:
            call.deadline = min(call.deadline, now + frame.timeout_ms / 1000)

    def over(self, call: Call) -> None:
        """A request is over: the next may begin."""
        self._calls.pop(call.frame.id, None)
        if call.reserved:
            RESERVE.give(call.reserved)
        if self._broken:
            self._end_when_done()
        elif self._paused and not self._reading:
            asyncio.get_running_loop().call_soon(self._read)

    def slow_upstream(self, held: bool) -> None:
        """One more, or one less, of those who are asked does not keep up."""
        self._slow_upstreams += 1 if held else -1
        if not held and self._paused and not self._reading:
            asyncio.get_running_loop().call_soon(self._read)

    # answers

    def write(self, frame: bytes) -> None:
        """A whole frame to the caller."""
        Outlet.write(self, frame)
        if self._is_full and self.transport.get_write_buffer_size() > UNREAD_LIMIT:
            self._holds_up_since = self._holds_up_since or monotonic()
            self._hold_up(True)

    @property
    def holds_up(self) -> bool:
        """Is so much unread that those who answer this caller are not read?"""
        return self._holds_up_since > 0

    def _hold_up(self, held: bool) -> None:
        for call in list(self._calls.values()):
            call.exchange.caller_full(held)

    def _refuse_unread(self, error: BadMessage) -> None:
        """No frame after this one can be found. What is in flight is answered; what still comes is
        read and dropped for a moment, as unread bytes would destroy the last words on their way."""
        refusal = malformed(error)
        self.listener.refused_unread(refusal)
        self._broken = True
        self._give_back()
        self._deadline = monotonic() + self.listener.limits.linger_seconds
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        self.write(self.codec.last_words(refusal))
        self._end_when_done()

    def _end_when_done(self) -> None:
        if not self._calls and self.transport.can_write_eof() and not self.transport.is_closing():
            self.flush()
            self.transport.write_eof()

    def turn_to(self, listener: Listener) -> None:
        """See the listener like this from now on."""
        self.listener = listener

    def abort(self) -> None:
        """End it now."""
        self.transport.abort()

    # time

    def sweep(self, now: float, draining: bool) -> None:
        """Called a few times a second: is something overdue?"""
        for call in list(self._calls.values()):
            if now >= call.deadline:
                call.exchange.expired()
        if self._paused:
            self._read()
        if self._heard and not self._broken:
            self._heard = False
            self._deadline = now + self.listener.limits.idle_seconds
        if self._is_full or self._appetite is not None:
            self._sweep_reading(now)
        if self._holds_up_since and now - self._holds_up_since > UNREAD_SECONDS:
            self.transport.abort()
        elif self._reader.partial and not self._paused and not self._broken:
            self._sweep_frame(now)
        elif not self._calls and not self._is_full:
            self._sweep_idle(now)
        if draining and not self._left_at:
            self._left_at = now
            self.write(self.codec.go_away(0))

    def _sweep_reading(self, now: float) -> None:
        """Does a caller that has much to read read it, if slowly?"""
        patience = self.listener.limits.idle_seconds
        if not self._is_full and not self.transport.get_write_buffer_size():
            self._appetite = None
        elif self._appetite is None:
            self._appetite = Appetite(now, patience, taken_by(self.transport))
        elif self._appetite.is_gone(self.transport, now, patience):
            self.transport.abort()

    def _sweep_frame(self, now: float) -> None:
        if not self._frame_since:
            self._frame_since = now
        elif now - self._frame_since > FRAME_SECONDS:
            self._refuse_unread(BadMessage("A frame did not come in time.", 408))

    def _sweep_idle(self, now: float) -> None:
        if now >= self._deadline:
            self.transport.abort()
        elif self._left_at:
            quiet_since = self._deadline - self.listener.limits.idle_seconds
            if now - max(quiet_since, self._left_at) > QUIET_SECONDS:
                self.close()
