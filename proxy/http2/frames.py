"""HTTP/2's outermost layer, sans-io: cuts bytes into whole frames and judges how they follow.

What is judged here the library judges late, mildly or not at all: a frame longer than allowed is
known by its header, a header block is bounded while it comes, and nothing precedes SETTINGS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from h2.errors import ErrorCodes

from proxy.http2.limits import BLOCK_FRAMES, FRAME_LIMIT, HEADER_LIST_READ
from proxy.sniff import PREFACE

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY = range(8)
WINDOW_UPDATE, CONTINUATION = 8, 9
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HEAD_BYTES = 9


NOT_HTTP2 = "What it says first is not HTTP/2."


class Fault(Exception):
    """The connection must end: an error code of RFC 9113, section 7, and a sentence."""

    def __init__(self, code: ErrorCodes, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Frame(NamedTuple):
    """One whole frame."""

    kind: int
    flags: int
    stream_id: int
    raw: bytes
    """The frame as it came, with its header."""

    @property
    def content_bytes(self) -> int:
        """Bytes of content of a DATA frame; less than 0 when its padding cannot be."""
        length = len(self.raw) - HEAD_BYTES
        if not self.flags & PADDED:
            return length
        return length - 1 - self.raw[HEAD_BYTES] if length else -1


class Cutter:
    """Takes bytes as they come and gives whole frames."""

    __slots__ = ("_block_bytes", "_block_frames", "_buffer", "_preface", "_settled")

    def __init__(self, server: bool) -> None:
        self._buffer = b""
        self._preface = PREFACE if server else b""
        """What the peer must still say before its first frame."""
        self._settled = False
        self._block_bytes = 0
        self._block_frames = 0

    @property
    def is_within(self) -> bool:
        """Has something begun that is not whole: the preface, a frame, a header block?"""
        return bool(self._buffer) or self._block_frames > 0 or bool(self._preface)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames these bytes complete; raises Fault at the first that may not be."""
        data = self._buffer + data if self._buffer else data
        self._buffer = b""
        at = 0
        if self._preface:
            at = self._read_preface(data)
        elif not self._settled and data.startswith(b"HTTP/1"):
            raise Fault(ErrorCodes.PROTOCOL_ERROR, "It speaks HTTP/1.1 and not HTTP/2.")
        while len(data) - at >= HEAD_BYTES:
            length = int.from_bytes(data[at : at + 3], "big")
            if length > FRAME_LIMIT:
                why = "A frame is longer than allowed." if self._settled else NOT_HTTP2
                raise Fault(ErrorCodes.FRAME_SIZE_ERROR, why)
            end = at + HEAD_BYTES + length
            kind, flags = data[at + 3], data[at + 4]
            self._check_order(kind, flags, length)
            if len(data) < end:
                break
            stream_id = int.from_bytes(data[at + 5 : at + 9], "big") & 0x7FFFFFFF
            self._count(kind, flags, length)
            frame = Frame(kind, flags, stream_id, data[at:end])
            at = end
            yield frame
        self._buffer = data[at:]

    def _read_preface(self, data: bytes) -> int:
        expected = self._preface[: len(data)]
        if data[: len(expected)] != expected:
            raise Fault(ErrorCodes.PROTOCOL_ERROR, "The connection's preface is not HTTP/2's.")
        self._preface = self._preface[len(expected) :]
        return len(expected)

    def _check_order(self, kind: int, flags: int, length: int) -> None:
        if not self._settled and (kind != SETTINGS or flags & ACK):
            raise Fault(ErrorCodes.PROTOCOL_ERROR, "The first frame is not SETTINGS.")
        if kind == SETTINGS and flags & ACK and length:
            raise Fault(ErrorCodes.FRAME_SIZE_ERROR, "An acknowledgement holds settings.")
        if kind == CONTINUATION and (
            self._block_frames >= BLOCK_FRAMES or self._block_bytes + length > HEADER_LIST_READ
        ):
            raise Fault(ErrorCodes.ENHANCE_YOUR_CALM, "A header block does not end.")

    def _count(self, kind: int, flags: int, length: int) -> None:
        self._settled = True
        if kind in (HEADERS, CONTINUATION):
            ended = flags & END_HEADERS
            self._block_frames = 0 if ended else self._block_frames + 1
            self._block_bytes = 0 if ended else self._block_bytes + length
