"""One HTTP/2 connection to an endpoint: as many requests at once as its peer lets it carry."""

from __future__ import annotations

import asyncio
from ssl import SSLError
from time import monotonic
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    Event,
    InformationalResponseReceived,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamReset,
)

from proxy.errors import BadMessage
from proxy.http2.limits import SILENCE_SECONDS, STREAMS
from proxy.http2.link import LinkStream
from proxy.http2.session import Session
from proxy.links.account import Account, Closing

if TYPE_CHECKING:
    from proxy.encryption.dialling import Way
    from proxy.pool import Pool
    from proxy.seam import Asking

ALIVE = b"alive?\r\n"


class Upstream(Session[LinkStream]):
    """A connection of a pool, whose streams are links."""

    account: Account
    ages_at: float
    endless = False

    def __init__(self, pool: Pool, way: Way) -> None:
        super().__init__(server=False)
        self._pool = pool
        self.way = way
        self.encrypted = way.encrypted
        self.drains_since = 0.0
        self.scheme = b"https" if self.encrypted else b"http"
        self.closing: Closing = "by_peer"
        """Who will have ended it, as things stand."""
        self.opened = False
        self.is_ready = False
        self.idle_since = 0.0
        self.unfit = ""
        """Why it may not be used though it connected."""
        self.fresh: list[LinkStream] = []
        """Streams whose answer began in this read."""
        self._places = 0
        """Links given away that have not begun."""
        self._given = False
        self._settled = False
        """Has the peer said how much it takes at once? Until then it is what another said."""
        self._reused = False
        self._leaving = False
        """It takes no more requests, and ends with the last of them."""
        self._heard = False
        """Has anything come since the last look?"""
        self._asked = False
        """Was the peer asked whether it lives, without an answer yet?"""
        self._answered = False
        """Did it answer that, and has said nothing else since?"""
        self._timer: asyncio.TimerHandle | None = None
        self._on[ResponseReceived] = self.on_response
        self._on[InformationalResponseReceived] = self.on_interim

    # what the pool asks

    def take(self, now: float, can_repeat: bool) -> LinkStream | None:
        """A place for one request; None when the connection should not be used any more."""
        self._given = True
        idle = now - self.idle_since if self.idle_since and self.is_idle else 0.0
        if not self.has_room or idle > self._pool.member.idle_seconds:
            return None
        self._places += 1
        return LinkStream(self, self._reused)

    @property
    def has_room(self) -> bool:
        """Is there a place for one more request?"""
        most = min(STREAMS, self.wire.most_streams if self._settled else self._pool.places)
        return (
            len(self.streams) + self._places < most
            and not self._leaving
            and not self.transport.is_closing()
        )

    @property
    def is_idle(self) -> bool:
        """Is nothing in flight on it?"""
        return not self.streams and not self._places

    @property
    def under_way(self) -> int:
        """Streams that are open."""
        return len(self.streams)

    def sweep(self, now: float) -> None:
        """Nothing: its own timer looks after it, also when it is full or leaves."""

    def close(self) -> None:
        """No more requests: end it when what is in flight is over."""
        self._leaving = True
        if self.is_idle and not self.transport.is_closing():
            self.wire.goaway(ErrorCodes.NO_ERROR, 0)
            self.flush()
            self.closing = "clean"
            self.transport.close()

    def drain(self) -> None:
        """No more requests, and the peer may know."""
        self._leaving = True
        self.wire.goaway(ErrorCodes.NO_ERROR, 0)
        self.flush()

    def abort(self) -> None:
        """End it now, whatever is in flight."""
        self.closing = "hard"
        self.transport.abort()

    # what its links ask

    def open(self, link: LinkStream) -> int:
        """A number for a link that begins."""
        stream_id = self.wire.open_stream()
        self._places -= 1
        self.streams[stream_id] = link
        self._watch()
        return stream_id

    def finished(self, link: LinkStream) -> None:
        """A link is over: its answer is whole, or it never began."""
        if link.closed:
            return
        if link.stream_id and not link.sent:
            self.reset(link, ErrorCodes.CANCEL)
        else:
            self.remove(link)

    def remove(self, stream: LinkStream) -> None:
        """A place is free."""
        if not stream.stream_id:
            self._places -= 1
            stream.closed = True
        else:
            super().remove(stream)
            self._reused = True
        if self.drains_since:
            self.idle_since = monotonic()
        elif self._leaving:
            if self.is_idle:
                self.close()
        elif not self.transport.is_closing():
            self._pool.has_room(self)

    def leaving(self, _why: str) -> None:
        """It takes no more requests."""
        self._leaving = True
        self._pool.unready(self)
        if self.is_idle:
            self.close()

    # what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.opened = True
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self.unfit = "it does not speak HTTP/2 (its TLS did not choose h2)"
        self.account = self._pool.joined(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.ending = self._leaving = True
        if self._timer is not None:
            self._timer.cancel()
        self.account.left(self, self.closing)
        self.account.ended("cut" if self.closing == "hard" else "failed", len(self.streams))
        self._pool.ended(self)
        refusal = ""
        if self.encrypted and isinstance(error, SSLError) and not self._settled:
            refusal = f"it ended the TLS handshake ({error.reason or error})"
            self._pool.refused(self, error.reason or str(error))
        for link in list(self.streams.values()):
            exchange = self._taken_from(link)
            if exchange is not None and refusal:
                exchange.unprocessed(refusal)
            elif exchange is not None:
                exchange.connection_ended()

    # what comes

    def handle(self, event: Event) -> None:
        """One event; whatever it is, the peer lives."""
        self._asked = self._answered = False
        super().handle(event)

    def on_pong(self, event: PingAckReceived) -> None:
        """It lives, but owes its answers still."""
        self._answered = event.ping_data == ALIVE

    def on_response(self, event: ResponseReceived) -> None:
        """An answer begins."""
        link = self.streams.get(event.stream_id or 0)
        if link is not None:
            try:
                link.head_came(event.headers or (), event.stream_ended is not None)
            except BadMessage as error:
                link.broke(str(error))

    def on_interim(self, event: InformationalResponseReceived) -> None:
        """A 1xx answer."""
        link = self.streams.get(event.stream_id or 0)
        if link is not None:
            try:
                link.interim_came(event.headers or ())
            except BadMessage as error:
                link.broke(str(error))

    def read_over(self) -> None:
        """Everything that came together is known: hand on the answers that began."""
        fresh, self.fresh = self.fresh, []
        for link in fresh:
            link.begin_answer()

    def broke(self, stream: LinkStream, why: str) -> None:
        """An answer is malformed."""
        stream.broke(why)

    def on_reset(self, event: StreamReset) -> None:
        """The peer ends one answer; refused is as good as never asked."""
        link = self.streams.get(event.stream_id or 0)
        if link is None:
            return
        link.begin_answer()
        exchange = self._failed(link)
        if exchange is None:
            return
        if event.error_code == ErrorCodes.REFUSED_STREAM:
            exchange.unprocessed("it refused the stream")
        else:
            exchange.answer_broken(f"It reset the stream ({_name(event.error_code)}).")

    def on_settings(self, event: RemoteSettingsChanged) -> None:
        """The peer may carry more at once, or fewer."""
        super().on_settings(event)
        self._settled = True
        self._pool.places = max(1, min(STREAMS, self.wire.most_streams))
        if not self.has_room:
            self._pool.unready(self)
        elif self._given and not self.is_ready:
            self._pool.has_room(self)

    def on_goaway(self, event: ConnectionTerminated) -> None:
        """The peer takes nothing new; what it will not touch goes elsewhere."""
        self._leaving = True
        self._pool.unready(self)
        last = event.last_stream_id or 0
        for stream_id, link in list(self.streams.items()):
            if stream_id > last:
                exchange = self._failed(link)
                if exchange is not None:
                    exchange.unprocessed("it is going away")
        if self.is_idle:
            self.close()

    def fail(self, code: ErrorCodes, why: str) -> None:
        """The connection cannot go on, and neither can what is in flight."""
        self.ending = self._leaving = True
        self._pool.unready(self)
        self.wire.goaway(code, 0)
        self.flush()
        self.transport.close()
        for link in list(self.streams.values()):
            exchange = self._failed(link)
            if exchange is not None:
                exchange.answer_broken(why)

    def _failed(self, link: LinkStream) -> Asking | None:
        """The peer ends a link; who used it."""
        self.account.failed += 1
        return self._taken_from(link)

    def _taken_from(self, link: LinkStream) -> Asking | None:
        """End a link without a word to the peer; who used it."""
        exchange, link.exchange = link.exchange, None
        self.remove(link)
        return exchange

    # time

    def _watch(self) -> None:
        """While answers are owed, look now and then whether the peer still says something."""
        if self._timer is None:
            self._heard = True
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SILENCE_SECONDS, self._look)

    def _look(self) -> None:
        """One ping for each silence: servers end a connection that asks them all the time."""
        self._timer = None
        if not self.streams or self.transport.is_closing():
            return
        if self._asked:
            self.transport.abort()  # the peer has ended it, without a word
            return
        if not self._heard and not self._answered:
            self._asked = True
            self.wire.ping(ALIVE)
            self.flush()
        self._heard = False
        self._timer = asyncio.get_running_loop().call_later(SILENCE_SECONDS, self._look)


def _name(code: ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, ErrorCodes) else str(code)
