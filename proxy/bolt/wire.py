"""SOFABolt v1 on the wire, sans-io: bytes in, whole frames out, however they are cut.

A request is 22 bytes, an answer 20, both followed by class name, header block and content:

```text
proto type cmdcode ver2 id   codec timeout|status classLen headerLen contentLen
1     1    2       1    4    1     4      |2      2        2         4
```

Numbers are signed and big-endian. The Java implementation reads lengths as signed and MOSN as
unsigned, so one that the two would read differently is refused.
"""

from __future__ import annotations

from struct import Struct

from proxy.errors import BadMessage
from proxy.rpc.frames import ANSWER, GO_AWAY, ONE_WAY, PING, PONG, REQUEST, Frame

PROTO = 1
ANSWERS, ASKS, TELLS = 0, 1, 2
"""Types: an answer, a request, a request that nobody answers."""
HEARTBEAT, CALL, RESULT, LEAVE = 0, 1, 2, 100
"""Command codes; 100 asks to send no more requests (SOFABolt 1.6, MOSN)."""
HESSIAN = 1
VERSION = 1
CONTENT_LIMIT = 4 * 1024 * 1024
"""Bytes of one frame's content. A frame is passed on when it is whole."""
ID_AT = 5

_REQUEST = Struct(">BBHBiBihhi")
_ANSWER = Struct(">BBHBiBHhhi")
_LENGTHS = Struct(">hhi").unpack_from
REQUEST_BYTES, ANSWER_BYTES = _REQUEST.size, _ANSWER.size
_ID = Struct(">i").pack
_KINDS = {
    (ASKS, CALL): REQUEST,
    (TELLS, CALL): ONE_WAY,
    (ANSWERS, RESULT): ANSWER,
    (ASKS, HEARTBEAT): PING,
    (ANSWERS, HEARTBEAT): PONG,
    (ASKS, LEAVE): GO_AWAY,
    (TELLS, LEAVE): GO_AWAY,
    (ANSWERS, LEAVE): PONG,
}


class Reader:
    """The frames of one direction of a connection."""

    __slots__ = ("_at", "_data", "_need")

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._at = 0
        """Where the next frame begins."""
        self._need = ANSWER_BYTES
        """Bytes of it without which there is nothing new to see."""

    def feed(self, data: bytes) -> None:
        """More bytes."""
        at, self._at = self._at, 0
        kept = self._data
        if at == len(kept):
            self._data = data
        elif isinstance(kept, bytearray):
            del kept[:at]
            kept += data
        else:
            self._data = bytearray(memoryview(kept)[at:])
            self._data += data

    def next(self) -> Frame | None:
        """The next whole frame, or None until more bytes come; raises BadMessage."""
        data, at = self._data, self._at
        left = len(data) - at
        if left < self._need:
            return None
        if data[at + 1] == ANSWERS:
            proto, type_, code, _, id_, _, told, *lengths = _ANSWER.unpack_from(data, at)
            size = ANSWER_BYTES
        elif left < REQUEST_BYTES:
            self._need = REQUEST_BYTES
            return None
        else:
            proto, type_, code, _, id_, _, told, *lengths = _REQUEST.unpack_from(data, at)
            size = REQUEST_BYTES
        kind = _KINDS.get((type_, code))
        if kind is None or proto != PROTO:
            raise _unknown(proto, type_, code)
        size += _length(*lengths)
        if left < size:
            self._need = size
            return None
        self._need = ANSWER_BYTES
        self._at = end = at + size
        raw = data[at:end] if isinstance(data, bytes) else bytes(memoryview(data)[at:end])
        if type_ == ANSWERS:
            return Frame(kind, id_, raw, status=told)
        return Frame(kind, id_, raw, timeout_ms=told)

    @property
    def wanted(self) -> int:
        """Bytes of the frame that is coming, if its head has come; else 0."""
        return self._need if self._need > REQUEST_BYTES else 0

    @property
    def partial(self) -> bool:
        """Is there the start of a frame?"""
        return self._at < len(self._data)


def _length(class_: int, header: int, content: int) -> int:
    if class_ < 0 or header < 0 or content < 0:
        raise BadMessage("A length is negative.")
    if content > CONTENT_LIMIT:
        raise BadMessage(f"The content is longer than {CONTENT_LIMIT} bytes.", 413)
    return class_ + header + content


def _unknown(proto: int, type_: int, code: int) -> BadMessage:
    if proto != PROTO:
        return BadMessage(f"A frame begins with {proto}, not with 1: only SOFABolt v1 is read.")
    if type_ > TELLS:
        return BadMessage(f"There is no type {type_}: a frame is of type 0, 1 or 2.")
    return BadMessage(f"There is no command {code} for frames of type {type_}.")


def header_block(raw: bytes) -> bytes:
    """The header block of a whole frame."""
    size = ANSWER_BYTES if raw[1] == ANSWERS else REQUEST_BYTES
    class_, header, _ = _LENGTHS(raw, size - 8)
    begin = size + class_
    return raw[begin : begin + header]


def with_header_block(raw: bytes, block: bytes) -> bytes:
    """The same frame with another header block."""
    size = ANSWER_BYTES if raw[1] == ANSWERS else REQUEST_BYTES
    class_, header, _ = _LENGTHS(raw, size - 8)
    begin = size + class_
    length = len(block).to_bytes(2, "big")
    return b"".join((raw[: size - 6], length, raw[size - 4 : begin], block, raw[begin + header :]))


def with_id(raw: bytes, id: int) -> bytes:
    """The same frame with another number."""
    return b"%b%b%b" % (raw[:ID_AT], _ID(id), raw[ID_AT + 4 :])


def asks(
    code: int,
    id: int,
    *,
    type_: int = ASKS,
    timeout_ms: int = -1,
    codec: int = HESSIAN,
    class_: bytes = b"",
    block: bytes = b"",
    content: bytes = b"",
) -> bytes:
    """A request."""
    head = _REQUEST.pack(
        PROTO, type_, code, VERSION, id, codec, timeout_ms, len(class_), len(block), len(content)
    )
    return head + class_ + block + content


def answers(
    code: int,
    id: int,
    *,
    status: int = 0,
    codec: int = HESSIAN,
    class_: bytes = b"",
    block: bytes = b"",
    content: bytes = b"",
) -> bytes:
    """An answer."""
    head = _ANSWER.pack(
        PROTO, ANSWERS, code, VERSION, id, codec, status, len(class_), len(block), len(content)
    )
    return head + class_ + block + content


def codec_of(raw: bytes) -> int:
    """How the content is written: 1 is Hessian."""
    return raw[9]
