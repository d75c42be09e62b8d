"""One stream of an HTTP/2 connection: what waits in each direction, bounded by its windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from proxy.http2.limits import BUFFERED, STREAM_WINDOW

if TYPE_CHECKING:
    from proxy.http2.session import Session


class Stream(ABC):
    """The half of a stream that does not care which side asked.

    Content that comes waits here until somebody takes it, and only then opens the stream's window
    again. Content that goes waits here while the peer's windows are closed.
    """

    __slots__ = (
        "closed", "end", "ended", "full", "held", "inbox", "outbox", "sent", "session",
        "stream_id", "taken", "taking", "trailers", "trailers_in", "unsent",
    )  # fmt: skip

    def __init__(self, session: Session[Any], stream_id: int) -> None:
        self.session = session
        self.stream_id = stream_id
        self.closed = False
        """Nothing more is said or heard on it."""
        self.inbox = bytearray()
        """Content that came and is not taken."""
        self.ended = False
        """Has the peer ended its side?"""
        self.trailers_in = b""
        self.taking = False
        """Does somebody take what comes, now?"""
        self.held = False
        self.taken = 0
        """Bytes taken since the stream's window was last opened."""
        self.outbox: list[bytes] = []
        """Content that waits for the peer's windows."""
        self.unsent = 0
        """Bytes of it."""
        self.end = False
        """Is what waits all there is?"""
        self.trailers = b""
        self.sent = False
        """Has this side ended?"""
        self.full = False
        """Does so much wait that whoever sends it was held?"""

    # what comes

    def content_came(
        self, content: bytes, padding: int, ended: bool, trailers: bytes = b""
    ) -> None:
        """A frame of content, or the end of all content."""
        self.ended = ended
        self.trailers_in = trailers
        if padding:
            self._open_window(padding)
        if self.taking and not self.held and not self.inbox:
            self._open_window(len(content))
            self.deliver(content, ended, trailers)
        else:
            self.inbox += content

    def take(self) -> tuple[bytes, bool, bytes]:
        """What is there, is that all, and its trailers; what comes later is delivered."""
        self.taking = True
        content = bytes(self.inbox)
        self.inbox.clear()
        self._open_window(len(content))
        return content, self.ended, self.trailers_in

    def hold(self, held: bool) -> None:
        """Take no more for now, or go on."""
        self.held = held
        if not held and self.taking and not self.closed and (self.inbox or self.ended):
            content, ended, trailers = self.take()
            self.deliver(content, ended, trailers)
            self.session.flush_soon()

    def _open_window(self, count: int) -> None:
        self.taken += count
        if self.taken >= STREAM_WINDOW // 2 and not self.ended:
            self.session.wire.taken(self.stream_id, self.taken)
            self.taken = 0
            self.session.flush_soon()

    @abstractmethod
    def deliver(self, content: bytes, ended: bool, trailers: bytes) -> None:
        """Somebody takes this."""

    # what goes

    def send(self, content: bytes, done: bool, trailers: bytes) -> None:
        """Content, as far as the windows allow now; the rest as they open."""
        if self.closed or self.sent:
            return
        self.end = done
        self.trailers = trailers
        if content:
            self.outbox.append(content)
            self.unsent += len(content)
            self.session.unsent += len(content)
        if self.unsent and (self.session.paused or len(self.outbox) > 1):
            self.session.blocked[self.stream_id] = self
        else:
            self.session.push(self)
        if self.unsent > BUFFERED and not self.full:
            self.full = True
            self.set_full(True)
        self.session.flush_soon()

    @abstractmethod
    def set_full(self, full: bool) -> None:
        """So much waits that whoever sends it has to wait; or may go on."""

    @abstractmethod
    def all_sent(self) -> None:
        """The last byte, or trailer, was given to the transport."""

    def drop_unsent(self) -> None:
        """Nobody will read what waits."""
        self.session.unsent -= self.unsent
        self.unsent = 0
        self.outbox.clear()
