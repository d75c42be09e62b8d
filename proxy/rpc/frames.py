"""What a framed protocol has to offer to be carried: its frames, and a codec that knows them."""

from __future__ import annotations

from typing import Protocol

from proxy.errors import Refusal
from proxy.rpc.heads import FramedRequest, FramedResponse

REQUEST, ONE_WAY, ANSWER, PING, PONG, GO_AWAY = range(6)
"""Kinds of frames. PONG is whatever confirms and needs no answer itself."""


class Frame:
    """One whole frame as it came."""

    __slots__ = ("id", "kind", "raw", "status", "timeout_ms")

    def __init__(
        self, kind: int, id: int, raw: bytes, *, timeout_ms: int = 0, status: int = 0
    ) -> None:
        self.kind = kind
        self.id = id
        """Which request this is, or answers; the sender of the request numbers it."""
        self.raw = raw
        self.timeout_ms = timeout_ms
        """How long the caller waits; 0 or less does not say."""
        self.status = status
        """An answer's, in the protocol's own numbers."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self.raw == other.raw and self.kind == other.kind

    def __hash__(self) -> int:
        return hash(self.raw)


class FrameReader(Protocol):
    """Takes frames out of the bytes that come, however they are cut."""

    def feed(self, data: bytes) -> None:
        """More bytes."""

    def next(self) -> Frame | None:
        """The next whole frame, or None until more bytes come; raises BadMessage."""

    @property
    def wanted(self) -> int:
        """Bytes of the frame that is coming, once its length is known; else 0."""

    @property
    def partial(self) -> bool:
        """Is there the start of a frame?"""


class Codec(Protocol):
    """A framed protocol: its bytes and what they mean. It keeps nothing between calls."""

    name: str
    """As settings and snapshots call it."""

    def reader(self) -> FrameReader:
        """For one direction of one connection."""

    def request(self, frame: Frame, trusted: bool) -> FramedRequest:
        """What a request asks for, without what only the mesh may say unless the sender is trusted
        to speak for it; raises BadMessage when its head cannot be read."""

    def response(self, frame: Frame) -> FramedResponse:
        """What an answer says."""

    def with_id(self, raw: bytes, id: int) -> bytes:
        """The same frame with another number and no other difference."""

    def unflagged(self, raw: bytes) -> bytes:
        """An answer without the flag by which sidecars tell each other why they refuse."""

    def refusal(self, request: Frame, refusal: Refusal) -> bytes:
        """An answer made here."""

    def last_words(self, refusal: Refusal) -> bytes:
        """What to say before a connection ends whose bytes could not be read."""

    def ping(self, id: int) -> bytes:
        """Asks whether the peer is alive."""

    def pong(self, ping: Frame) -> bytes:
        """The answer to that."""

    def go_away(self, id: int) -> bytes:
        """Asks the peer to send no more requests on this connection."""
