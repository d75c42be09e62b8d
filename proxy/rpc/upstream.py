"""A connection to an endpoint that carries many framed requests at once, each under its number."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from proxy.errors import BadMessage, no_server
from proxy.links.account import Account, Closing, End
from proxy.pool import PLACES
from proxy.rpc.frames import ANSWER, GO_AWAY, ONE_WAY, PING, PONG, Codec, Frame
from proxy.rpc.heads import FramedRequest, FramedResponse
from proxy.rpc.heartbeat import Heartbeat
from proxy.rpc.outlet import GATHERING, Outlet

if TYPE_CHECKING:
    from proxy.encryption.dialling import Way
    from proxy.http1.heads import Request
    from proxy.pool import Pool
    from proxy.seam import Asking

ID_LIMIT = 2**31 - 1
SENT = FramedResponse(202)
"""What is counted for a request that nobody answers."""


class Place:
    """The link of one request: its number on the connection."""

    __slots__ = ("_upstream", "encrypted", "exchange", "held", "id", "reused")

    exchange: Asking

    def __init__(self, upstream: Upstream, id: int, reused: bool) -> None:
        self._upstream = upstream
        self.id = id
        self.encrypted = upstream.encrypted
        self.reused = reused
        self.held = False

    @property
    def full(self) -> bool:
        """Does the peer read slower than it is written to?"""
        return self._upstream.full

    def begin(
        self, exchange: Asking, request: Request, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """Write the frame; it is the whole request."""
        self.exchange = exchange
        self._upstream.send(self, cast("FramedRequest", request))

    def more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """Nothing follows a frame."""

    def hold(self, held: bool) -> None:
        """The caller does not keep up, or has caught up."""
        self._upstream.hold(self, held)

    def leave(self, end: End = "cancelled") -> None:
        """The exchange ends before its answer does; the answer will be nobody's."""
        self._upstream.left(self, end)


class Upstream(Outlet, asyncio.Protocol):
    """One connection of a pool."""

    __slots__ = (
        "_calls", "_codec", "_heartbeat", "_held", "_last_id", "_leaving", "_pool", "_reader",
        "account", "ages_at", "closing", "drains_since", "encrypted", "full", "idle_since",
        "is_ready", "opened", "way",
    )  # fmt: skip

    account: Account
    ages_at: float
    endless = False
    unfit = ""

    def __init__(self, pool: Pool, way: Way, codec: Codec) -> None:
        Outlet.__init__(self)
        self._pool = pool
        self._codec = codec
        self._reader = codec.reader()
        self._calls: dict[int, Place] = {}
        """Requests in flight by their number here."""
        self._last_id = 0
        self._leaving = False
        """No more requests: the peer said so, or the pool."""
        self._held = 0
        """Requests in flight whose caller does not keep up."""
        self._heartbeat = Heartbeat()
        self.way = way
        self.encrypted = way.encrypted
        self.drains_since = 0.0
        self.closing: Closing = "by_peer"
        """Who will have ended it, as things stand."""
        self.opened = False
        self.is_ready = False
        self.idle_since = 0.0
        self.full = False

    # what the pool asks

    def take(self, now: float, can_repeat: bool) -> Place | None:
        """A number for one more request."""
        if self._leaving or self.transport.is_closing():
            return None
        calls = self._calls
        reused = self._last_id > 0
        id = self._last_id + 1 if self._last_id < ID_LIMIT else 1
        while id in calls:
            id += 1
        self._last_id = id
        place = calls[id] = Place(self, id, reused)
        return place

    @property
    def has_room(self) -> bool:
        """Is there a number to give away, and does the peer keep up?"""
        return not self._leaving and not self.full and len(self._calls) < PLACES[self._codec.name]

    @property
    def is_idle(self) -> bool:
        """Is nothing in flight on it?"""
        return not self._calls

    @property
    def under_way(self) -> int:
        """Requests without an answer."""
        return len(self._calls)

    def close(self) -> None:
        """End it once nothing is in flight."""
        self._leaving = True
        if not self._calls:
            self.closing = "clean"
            Outlet.close(self)

    def drain(self) -> None:
        """No more requests; the protocol has no word for that from a caller."""
        self._leaving = True

    def abort(self) -> None:
        """End it now, whatever is in flight."""
        self.closing = "hard"
        self.transport.abort()

    def sweep(self, now: float) -> None:
        """Called a few times a second: is the peer alive?"""
        if not self._held and self._heartbeat.due(now):
            if self._heartbeat.is_dead:
                self.transport.abort()
            else:
                self.write(self._codec.ping(0))

    # what the exchanges ask

    def send(self, place: Place, request: FramedRequest) -> None:
        """Write a request under its number here."""
        self.account.started += 1
        self.write(self._codec.with_id(request.frame, place.id))
        if request.one_way:
            self.account.completed += 1
            self.free(place)
            place.exchange.answer(SENT, 0, b"", True)
        elif self.full:
            place.exchange.upstream_full(True)

    def left(self, place: Place, end: End) -> None:
        """A request is over before its answer came."""
        if self._calls.get(place.id) is place:
            self.account.ended(end)
            self.free(place)

    def free(self, place: Place) -> None:
        """A request is over: whoever waits may have its place."""
        if self._calls.pop(place.id, None) is None:
            return
        if place.held:
            self.hold(place, False)
        if self.drains_since:
            self.idle_since = monotonic()
        elif self._leaving:
            self.close()
        elif not self.is_ready:
            # not now: it may be the pool itself that is just handing out places
            asyncio.get_running_loop().call_soon(self._offer)
        elif not self._calls:
            self.idle_since = monotonic()

    def hold(self, place: Place, held: bool) -> None:
        """Read no more while a caller does not keep up: there is no way to hold one answer only."""
        if held == place.held:
            return
        place.held = held
        self._held += 1 if held else -1
        if held and self._held == 1:
            self.transport.pause_reading()
        elif not self._held and not self.transport.is_closing():
            self.transport.resume_reading()

    def _offer(self) -> None:
        if not self.is_ready and not self.transport.is_closing() and self.has_room:
            self._pool.has_room(self)

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.opened = True
        self.account = self._pool.joined(self)

    def data_received(self, data: bytes) -> None:
        self._heartbeat.heard()
        reader = self._reader
        reader.feed(data)
        GATHERING.begin()
        try:
            while (frame := reader.next()) is not None:
                if frame.kind == ANSWER:
                    self._answered(frame)
                else:
                    self._heard(frame)
        except BadMessage as error:
            self._broken(str(error))
        finally:
            GATHERING.end()

    def connection_lost(self, _error: Exception | None) -> None:
        self._leaving = True
        self.account.left(self, self.closing)
        places = self._all("cut" if self.closing == "hard" else "failed")
        self._pool.ended(self)
        for place in places:
            place.exchange.connection_ended()

    def pause_writing(self) -> None:
        self.full = True
        self._pool.unready(self)
        for place in list(self._calls.values()):
            place.exchange.upstream_full(True)

    def resume_writing(self) -> None:
        self.full = False
        for place in list(self._calls.values()):
            place.exchange.upstream_full(False)
        self._offer()

    # frames

    def _answered(self, frame: Frame) -> None:
        place = self._calls.get(frame.id)
        if place is None:
            self._pool.member.stats.strays += 1
            return
        self.account.completed += 1
        self.free(place)
        raw = frame.raw
        place.exchange.answer(self._codec.response(frame), len(raw), raw, True)

    def _heard(self, frame: Frame) -> None:
        if frame.kind == PING:
            self.write(self._codec.pong(frame))
        elif frame.kind == GO_AWAY:
            self._pool.unready(self)
            self.close()
        elif frame.kind not in (PONG, ONE_WAY):
            self.write(self._codec.refusal(frame, no_server()))

    def _broken(self, why: str) -> None:
        self._leaving = True
        self.transport.abort()
        for place in self._all("failed"):
            place.exchange.answer_broken(why)

    def _all(self, end: End) -> list[Place]:
        places = list(self._calls.values())
        self._calls.clear()
        self.account.ended(end, len(places))
        return places
