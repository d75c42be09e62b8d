"""One request to an HTTP/2 endpoint: a stream, and the place where its answer comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from proxy.errors import BadMessage
from proxy.http1.heads import Request, Response
from proxy.http2.fields import Field, request_fields, response_of
from proxy.http2.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxy.http2.upstream import Upstream
    from proxy.links.account import End
    from proxy.seam import Asking

INTERIM_LIMIT = 16
"""1xx answers before the real one."""


class LinkStream(Stream):
    """A place for one request (`proxy.seam.Link`); it has no number until the request begins."""

    __slots__ = ("_answering", "_connection", "_interims", "_response", "_to_head", "encrypted",
                 "exchange", "reused")  # fmt: skip

    def __init__(self, connection: Upstream, reused: bool) -> None:
        super().__init__(connection, 0)
        self._connection = connection
        self.encrypted = connection.encrypted
        self.reused = reused
        self.exchange: Asking | None = None
        self._to_head = False
        self._interims = 0
        self._response: Response | None = None
        """An answer's head, until what came with it is read."""
        self._answering = False

    # what the exchange asks

    def begin(
        self, exchange: Asking, request: Request, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """Write a request's head, and what there is of its body."""
        self.exchange = exchange
        self._to_head = request.method == b"HEAD"
        connection = self._connection
        fields = request_fields(request, connection.scheme)
        ended = done and not content and not trailers
        try:
            self.stream_id = connection.open(self)
            connection.wire.head(self.stream_id, fields, ended)
        except ProtocolError as error:
            connection.leaving(str(error))
            self._over()
            exchange.unprocessed("no stream could be opened")
            return
        connection.account.started += 1
        self.sent = ended
        if not ended and (content or done):
            self.send(content, done, trailers)
        connection.flush_soon()

    def more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More of the request's body."""
        self.send(content, done, trailers)

    def leave(self, end: End = "cancelled") -> None:
        """The exchange ends before its answer does."""
        self.exchange = None
        if self.stream_id:
            if not self.closed:
                self._connection.account.ended(end)
            self._connection.reset(self, ErrorCodes.CANCEL)
        else:
            self._over()

    def set_full(self, full: bool) -> None:
        """The peer does not keep up, or has caught up."""
        if self.exchange is not None:
            self.exchange.upstream_full(full)

    def all_sent(self) -> None:
        """The peer has the whole request, as far as this side can know."""

    # what the connection says

    def head_came(self, fields: Iterable[Field], ended: bool) -> None:
        """An answer's head; it is handed on with the content that came together with it."""
        response = response_of(fields, ended, self._to_head)
        length = response.body_length(self._to_head)
        if length >= 0 and not ended:
            self._connection.wire.expect(self.stream_id, length)
        self._response = response
        self.ended = ended
        self.taking = False
        self._connection.fresh.append(self)

    def interim_came(self, fields: Iterable[Field]) -> None:
        """A 1xx answer; the real one follows."""
        self._interims += 1
        if self._interims > INTERIM_LIMIT:
            raise BadMessage("It answers 1xx without end.")
        if self.exchange is not None:
            self.exchange.interim(response_of(fields, False, self._to_head))

    def begin_answer(self) -> None:
        """All that came together with the answer's head is here."""
        response, self._response = self._response, None
        if response is None or self.exchange is None:
            return
        exchange = self.exchange
        content, done, trailers = self.take()
        if done:
            self._connection.account.completed += 1
            self._over()
        exchange.answer(response, response.body_length(self._to_head), content, done, trailers)

    def deliver(self, content: bytes, ended: bool, trailers: bytes) -> None:
        """More of the answer's content."""
        exchange = self.exchange
        if ended:
            self._connection.account.completed += 1
            self._over()
        if exchange is not None and (content or ended):
            exchange.answer_more(content, ended, trailers)

    def broke(self, why: str) -> None:
        """The answer is not what the protocol allows."""
        exchange = self.exchange
        self.leave("failed")
        if exchange is not None:
            exchange.answer_broken(why)

    def _over(self) -> None:
        """The answer is whole: the place is free."""
        self.exchange = None
        self._connection.finished(self)
