"""As much of HTTP/2's framing (RFC 9113) as both ends of a drill need."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
REFUSED_STREAM = 7
HEAD_BYTES = 9
_HEAD = Struct(">IBI")
_SETTING = Struct(">HI")
_NUMBER = Struct(">I")
MANY = 1 << 30
"""A window that no drill uses up: opened once, it needs no care."""


class Frame(NamedTuple):
    """One whole frame."""

    kind: int
    flags: int
    stream: int
    content: bytes


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    """A frame's bytes."""
    return _HEAD.pack(len(content) << 8 | kind, flags, stream) + content


def cut(buffer: bytearray) -> Iterator[Frame]:
    """Take the whole frames from the front of a buffer."""
    at = 0
    while len(buffer) - at >= HEAD_BYTES:
        start, flags, stream = _HEAD.unpack_from(buffer, at)
        end = at + HEAD_BYTES + (start >> 8)
        if len(buffer) < end:
            break
        yield Frame(start & 255, flags, stream, bytes(buffer[at + HEAD_BYTES : end]))
        at = end
    del buffer[:at]


def opening() -> bytes:
    """What either end says first: no pushes, and as much content as the other likes."""
    settings = _SETTING.pack(2, 0) + _SETTING.pack(4, MANY)
    return frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, number(MANY))


def number(value: int) -> bytes:
    """Four bytes."""
    return _NUMBER.pack(value)


def number_at(content: bytes, at: int = 0) -> int:
    """What four bytes say."""
    return int(_NUMBER.unpack_from(content, at)[0])


def receipt(one: Frame) -> bytes:
    """The acknowledgement that a frame asks for, if it does."""
    if one.kind in (SETTINGS, PING) and not one.flags & ACK:
        return frame(one.kind, ACK, 0, one.content if one.kind == PING else b"")
    return b""
