"""One request of an HTTP/2 caller: a stream, and the place where its answer goes."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes

from proxy.errors import Refusal
from proxy.http1.heads import Request, Response
from proxy.http2 import grpc
from proxy.http2.fields import response_fields
from proxy.http2.limits import STALL_SECONDS
from proxy.http2.stream import Stream
from proxy.relay import Exchange

if TYPE_CHECKING:
    from proxy.appetite import Appetite
    from proxy.encryption.peers import Peer
    from proxy.http2.downstream import Downstream
    from proxy.links.account import Account

_NO_LENGTH = frozenset({204, 304})


class CallerStream(Stream):
    """Whoever asked, as an exchange sees it (`proxy.seam.Caller`)."""

    __slots__ = (
        "appetite", "connection", "deadline", "encrypted", "exchange", "request", "reset_code",
    )  # fmt: skip

    protocol = "http2"

    def __init__(self, connection: Downstream, stream_id: int, request: Request) -> None:
        super().__init__(connection, stream_id)
        self.connection = connection
        self.request = request
        self.encrypted = connection.encrypted
        self.exchange: Exchange | None = None
        self.appetite: Appetite | None = None
        """Of a caller for whose windows something waited when the tick last looked."""
        self.deadline = 0.0
        self.reset_code = ErrorCodes.NO_ERROR
        """Why the stream is reset if it is answered before all of its request came."""

    @property
    def peer(self) -> Peer | None:
        """Who calls, as its certificate says."""
        return self.connection.peer

    @property
    def account(self) -> Account | None:
        """Where its requests are counted."""
        return self.connection.account

    @property
    def is_full(self) -> bool:
        """Does the caller read slower than it is written to?"""
        return self.unsent > 0

    def begin(self) -> None:
        """The whole head is there: find out who may answer."""
        account = self.connection.account
        if account is not None:
            account.started += 1
        self.exchange = Exchange(self.connection.listener, self, self.request, monotonic())
        self.exchange.begin()

    @property
    def patience(self) -> float:
        """Seconds that a caller may take nothing of what waits for it."""
        return self.exchange.patience if self.exchange is not None else STALL_SECONDS

    # the request

    def begin_body(self) -> tuple[bytes, bool, bytes]:
        """What there is of the body; more is told as it comes."""
        return self.take()

    def deliver(self, content: bytes, ended: bool, trailers: bytes) -> None:
        """More of the body."""
        if (content or ended) and self.exchange is not None:
            self.exchange.body_more(content, ended, trailers)

    def set_full(self, full: bool) -> None:
        """The caller does not keep up, or has caught up."""
        if self.exchange is not None:
            self.exchange.caller_full(full)

    # the answer

    def interim(self, response: Response) -> None:
        """A 1xx answer."""
        if not self.closed:
            self.connection.wire.head(self.stream_id, response_fields(response, None), False)
            self.connection.flush_soon()

    def answer(
        self, response: Response, length: int, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """The answer's head, and the first of its content."""
        if self.closed:
            return
        said = length if length > 0 else None
        if length == 0 and response.length is not None and response.status not in _NO_LENGTH:
            said = max(0, response.length) if response.length >= 0 else None
        fields = response_fields(response, said)
        if response.mesh_flag and self.connection.listener.side == "out":
            fields.append((b"x-mesh-flag", response.mesh_flag))
        self._say(fields, content, done, trailers)

    def answer_more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """More content, and perhaps the end of it."""
        self.send(content, done, trailers)

    def refuse(self, refusal: Refusal) -> None:
        """A whole answer made here."""
        if self.closed:
            return
        if grpc.is_grpc(self.request):
            self._say(grpc.refusal_fields(refusal), b"", True, b"")
            return
        to_head = self.request.method == b"HEAD"
        content = b"" if to_head else refusal.sentence.encode("ascii", "replace") + b"\n"
        self._say(refused_fields(refusal), content, True, b"")

    def _say(
        self, fields: list[tuple[bytes, bytes]], content: bytes, done: bool, trailers: bytes
    ) -> None:
        ended = done and not content and not trailers
        self.connection.wire.head(self.stream_id, fields, ended)
        if ended:
            self.sent = True
            self.all_sent()
        elif content or done:
            self.send(content, done, trailers)
        self.connection.flush_soon()

    def abort(self) -> None:
        """End at once, in a way that nobody takes for the end of an answer."""
        self.connection.reset(self, ErrorCodes.INTERNAL_ERROR)

    def all_sent(self) -> None:
        """The caller has the whole answer, as far as this side can know."""
        if self.exchange is None:
            self.connection.finished(self)

    def exchange_over(self) -> None:
        """Everything is said; what waits for the caller's windows waits for a while."""
        self.exchange = None
        self.inbox.clear()
        if self.sent:
            self.connection.finished(self)
        else:
            self.deadline = monotonic() + STALL_SECONDS


def refused_fields(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """The head of an answer made here: the flag says that it was not the application's."""
    return [
        (b":status", b"%d" % refusal.status),
        (b"content-type", b"text/plain"),
        (b"x-mesh-flag", refusal.flag.encode()),
    ]
