"""HTTP/1.1 bodies, sans-io: readers that take the framing off, and the framing put back on."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from proxy.errors import BadMessage
from proxy.http1.heads import CHUNKED, TUNNEL, UNTIL_CLOSE
from proxy.http1.lines import FIELDS, trailer_lines

CHUNK_LINE_LIMIT = 300
"""Bytes of a chunk's size line, with the extension that is dropped."""
TRAILER_LIMIT = 8 * 1024
LAST_CHUNK = b"0\r\n\r\n"

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]{0,256})?\r\n").match
_TRAILER = re.compile(FIELDS).fullmatch


class Reader(ABC):
    """Takes the bytes of a body as they come and gives back its content.

    `feed` returns content in order, possibly empty; once `done`, `rest` are the bytes after the
    body. Every way of cutting the same bytes gives the same content and the same end.
    """

    __slots__ = ("done", "rest", "trailers")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self.trailers = b""
        """Header lines that came after the content and may travel on."""

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Content of these bytes; raises BadMessage."""


class Counted(Reader):
    """A body of a length said before."""

    __slots__ = ("left",)

    def __init__(self, length: int) -> None:
        super().__init__()
        self.left = length
        self.done = length == 0

    def feed(self, data: bytes) -> bytes:
        """At most as many bytes as were said."""
        left = self.left - len(data)
        if left > 0:
            self.left = left
            return data
        self.left = 0
        self.done = True
        if left < 0:
            self.rest = data[left:]
            return data[:left]
        return data


class Endless(Reader):
    """What ends with its connection."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """All of it."""
        return data


class Chunked(Reader):
    """A body said chunk by chunk; extensions are checked and dropped, trailers kept apart."""

    __slots__ = ("_in_trailer", "_left", "_pending")

    def __init__(self) -> None:
        super().__init__()
        self._pending = b""
        """The start of a line whose end has not come."""
        self._left = 0
        """Bytes of the open chunk still to come, and the line end after it."""
        self._in_trailer = False

    def feed(self, data: bytes) -> bytes:
        """Content without the framing."""
        if self._pending:
            data = self._pending + data
            self._pending = b""
        content: list[bytes] = []
        at = 0
        while at >= 0 and at < len(data) and not self.done:
            if self._in_trailer:
                at = self._trailer(data, at)
            elif self._left:
                at = self._chunk(data, at, content)
            else:
                at = self._size(data, at)
        return content[0] if len(content) == 1 else b"".join(content)

    def _size(self, data: bytes, at: int) -> int:
        line = _SIZE_LINE(data, at)
        if line is None:
            if data.find(b"\n", at) >= 0 or len(data) - at > CHUNK_LINE_LIMIT:
                raise BadMessage("A chunk's size line is malformed.")
            self._pending = data[at:]
            return -1
        size = int(line[1], 16)
        if size:
            self._left = size + 2
        else:
            self._in_trailer = True
        return line.end()

    def _chunk(self, data: bytes, at: int, content: list[bytes]) -> int:
        of_chunk = self._left - 2
        here = len(data) - at
        if of_chunk > 0:
            taken = min(of_chunk, here)
            content.append(data[at : at + taken])
            self._left -= taken
            return at + taken
        taken = min(self._left, here)
        if data[at : at + taken] != b"\r\n"[2 - self._left :][:taken]:
            raise BadMessage("A chunk is longer than it said.")
        self._left -= taken
        return at + taken

    def _trailer(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            return self._end(data, at + 2)
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            if len(data) - at > TRAILER_LIMIT:
                raise BadMessage("The trailer is too long.", 431)
            self._pending = data[at:]
            return -1
        if end + 4 - at > TRAILER_LIMIT:
            raise BadMessage("The trailer is too long.", 431)
        if not _TRAILER(data, at, end + 4):
            raise BadMessage("The trailer is malformed.")
        self.trailers = trailer_lines(data[at : end + 2])
        return self._end(data, end + 4)

    def _end(self, data: bytes, at: int) -> int:
        self.done = True
        self.rest = data[at:]
        return at


def reader_of(length: int) -> Reader:
    """The reader for a body of this length (or CHUNKED, or UNTIL_CLOSE)."""
    if length == CHUNKED:
        return Chunked()
    if length in (UNTIL_CLOSE, TUNNEL):
        return Endless()
    return Counted(length)


def last_chunk(trailers: bytes) -> bytes:
    """The end of a body said chunk by chunk."""
    return b"0\r\n%b\r\n" % trailers if trailers else LAST_CHUNK


def chunk(content: bytes) -> bytes:
    """Content as one chunk; nothing for no content, which would mean the end."""
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""
