"""One framed request of a caller, as the exchange that decides about it sees its caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.errors import Refusal
from proxy.rpc.frames import REQUEST, Frame

if TYPE_CHECKING:
    from proxy.encryption.peers import Peer
    from proxy.http1.heads import Response
    from proxy.links.account import Account
    from proxy.relay import Exchange
    from proxy.rpc.downstream import Downstream


class Call:
    """One request of a caller: where its answer goes."""

    __slots__ = ("_connection", "_slow_upstream", "deadline", "exchange", "frame", "reserved")

    exchange: Exchange

    def __init__(self, connection: Downstream, frame: Frame) -> None:
        self._connection = connection
        self.frame = frame
        self.reserved = 0
        """Bytes of the reserve that the frame holds."""
        self.deadline = 0.0
        self._slow_upstream = False

    @property
    def protocol(self) -> str:
        """What the caller speaks."""
        return self._connection.codec.name

    @property
    def account(self) -> Account | None:
        """Where its requests are counted."""
        return self._connection.account

    @property
    def encrypted(self) -> bool:
        """Is its connection?"""
        return self._connection.encrypted

    @property
    def peer(self) -> Peer | None:
        """Who calls, as its certificate says."""
        return self._connection.peer

    @property
    def is_full(self) -> bool:
        """Does the caller hold up those who answer it?"""
        return self._connection.holds_up

    def begin_body(self) -> tuple[bytes, bool, bytes]:
        """Nothing follows a frame."""
        return b"", True, b""

    def interim(self, response: Response) -> None:
        """Framed protocols have none."""

    def answer(
        self, response: Response, length: int, content: bytes, done: bool, trailers: bytes = b""
    ) -> None:
        """The whole answer, under the caller's own number."""
        frame, connection = self.frame, self._connection
        self.exchange.bytes_in = len(frame.raw)
        if frame.kind == REQUEST:
            codec = connection.codec
            if response.mesh_flag and connection.listener.side == "in":
                content = codec.unflagged(content)
            connection.write(codec.with_id(content, frame.id))

    def answer_more(self, content: bytes, done: bool, trailers: bytes = b"") -> None:
        """Nothing follows a frame."""

    def refuse(self, refusal: Refusal) -> None:
        """A whole answer made here."""
        frame, connection = self.frame, self._connection
        self.exchange.bytes_in = len(frame.raw)
        if frame.kind == REQUEST:
            connection.write(connection.codec.refusal(frame, refusal))

    def hold(self, held: bool) -> None:
        """The upstream does not keep up, so nobody's next request is read; or go on."""
        if held != self._slow_upstream:
            self._slow_upstream = held
            self._connection.slow_upstream(held)

    def abort(self) -> None:
        """The caller is told nothing more."""
        self._connection.abort()

    def exchange_over(self) -> None:
        """Everything is said and counted."""
        self.hold(False)
        self._connection.over(self)
        del self.exchange  # nothing that refers to itself is left to the collector
