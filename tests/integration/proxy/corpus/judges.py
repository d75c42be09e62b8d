"""Three readers of what an origin received; where they differ, somebody could be fooled."""

from __future__ import annotations

import io
import re
from http.client import HTTPException, parse_headers

import h11
import msgspec


class Read(msgspec.Struct, frozen=True):
    """A whole request as one reader understands it."""

    method: bytes
    target: bytes
    body: bytes


_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.1").fullmatch
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)").fullmatch


def strict(raw: bytes) -> list[Read]:
    """By the letter of RFC 9112; raises ValueError for anything else."""
    return read(raw)[0]


def read(raw: bytes) -> tuple[list[Read], bytes]:
    """The same, and the beginning of what is not whole yet."""
    found: list[Read] = []
    while True:
        top, end, rest = raw.partition(b"\r\n\r\n")
        if not end:
            return found, raw
        first, *lines = top.split(b"\r\n")
        line = _LINE(first)
        fields = [_FIELD(one) for one in lines]
        if line is None or None in fields:
            raise ValueError(top)
        named = [(f[1].lower(), f[2].strip(b" \t")) for f in fields if f is not None]
        framing = [f for f in named if f[0] in (b"content-length", b"transfer-encoding")]
        if len(framing) > 1 or [name for name, _ in named].count(b"host") != 1:
            raise ValueError(top)
        body = _body(framing[0] if framing else (b"content-length", b"0"), rest)
        if body is None:
            return found, raw
        found.append(Read(line[1], line[2], body[0]))
        raw = body[1]


def _body(framing: tuple[bytes, bytes], rest: bytes) -> tuple[bytes, bytes] | None:
    if framing[0] == b"content-length":
        length = int(framing[1].decode("ascii"))
        return (rest[:length], rest[length:]) if len(rest) >= length else None
    content = b""
    while True:
        size, end, rest = rest.partition(b"\r\n")
        if not end or not re.fullmatch(rb"[0-9a-f]{1,15}", size):
            return None
        length = int(size, 16)
        if not length:
            trailer, end, after = (b"\r\n" + rest).partition(b"\r\n\r\n")
            return (content, after if trailer else rest[2:]) if end else None
        if len(rest) < length + 2:
            return None
        content, rest = content + rest[:length], rest[length + 2 :]


def library(raw: bytes) -> list[Read]:
    """By h11; raises ValueError when it refuses."""
    found: list[Read] = []
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    peer.receive_data(raw)
    method = target = body = b""
    try:
        while True:
            event = peer.next_event()
            if isinstance(event, h11.Request):
                method, target, body = event.method, event.target, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                found.append(Read(method, target, body))
                peer.send(h11.Response(status_code=200, headers=[(b"content-length", b"0")]))
                peer.send(h11.EndOfMessage())
                peer.start_next_cycle()
            else:
                return found
    except h11.RemoteProtocolError as error:
        raise ValueError(str(error)) from None


def lenient(raw: bytes) -> list[Read]:
    """As careless servers do: any line end, the first length, `chunked` anywhere, int()."""
    found: list[Read] = []
    stream = io.BytesIO(raw)
    while words := stream.readline(1 << 20).split():
        fields = parse_headers(stream)
        coding = str(fields.get("transfer-encoding", ""))
        if "chunked" in coding.lower():
            chunks = _careless_chunks(stream)
            if chunks is None:
                return found
            body = chunks
        else:
            length = int(fields.get("content-length", "0"))
            body = stream.read(length)
            if len(body) < length:
                return found
        found.append(Read(words[0], words[1], body))
    return found


def _careless_chunks(stream: io.BytesIO) -> bytes | None:
    body = b""
    while line := stream.readline():
        size = int(line.split(b";")[0], 16)
        body += stream.read(size)
        if not size:
            while (trailer := stream.readline()).strip():
                pass
            return body if trailer else None
        if not stream.readline():
            return None
    return None


def agreed(raw: bytes) -> list[Read] | None:
    """What all three read in it; None when they differ."""
    try:
        one = strict(raw)
        if library(raw) != one:
            return None
    except ValueError:
        return None
    try:
        return one if lenient(raw) == one else None
    except ValueError:
        return None
    except HTTPException:  # it reads no more than 100 fields, and says so
        return one
