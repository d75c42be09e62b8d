"""Laws of HTTP/1.1 reading: cuts do not matter, and what is written is read the same."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from proxy.errors import BadMessage
from proxy.http1.bodies import LAST_CHUNK, Chunked, Counted, chunk
from proxy.http1.heads import (
    CHUNKED,
    Request,
    framing_of,
    parse_request,
    parse_response,
    request_bytes,
    response_bytes,
)

LAW = settings(deadline=None)
"""How long an example takes is no law."""
TOKEN = st.text(
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    min_size=1,
    max_size=12,
)
VALUE = st.text([chr(c) for c in (9, *range(0x20, 0x7F), *range(0x80, 0x100))], max_size=30).map(
    lambda text: text.strip(" \t")
)
SPECIAL = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "expect",
    "proxy-connection", "te", "trailer", "upgrade", "http2-settings",
}  # fmt: skip
FIELDS = st.lists(
    st.tuples(TOKEN.filter(lambda name: name.lower() not in SPECIAL), VALUE), max_size=12
)
TARGET = st.text([chr(c) for c in range(0x21, 0x7F) if c != 0x23], max_size=30).map("/".__add__)
CONTENTS = st.lists(st.binary(min_size=1, max_size=300), max_size=6)
BROKEN = st.binary(max_size=60)


def _lines(fields: list[tuple[str, str]]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields)


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


def _read(parts: list[bytes]) -> tuple[bytes, bool, bytes, bool]:
    """Content, was it whole, what came after, was it broken."""
    reader = Chunked()
    content = after = b""
    for part in parts:
        if reader.done:
            after += part
            continue
        try:
            content += reader.feed(part)
        except BadMessage:
            return b"", False, b"", True
    return content, reader.done, reader.rest + after, False


@LAW
@given(TOKEN, TARGET, FIELDS)
def test_a_request_written_again_reads_the_same(
    method: str, target: str, fields: list[tuple[str, str]]
) -> None:
    raw = f"{method} {target} HTTP/1.1\r\nHost: a\r\n{_lines(fields)}\r\n".encode("latin-1")
    first = parse_request(raw)
    again = parse_request(request_bytes(first))
    assert (again.method, again.target, again.fields) == (first.method, first.target, first.fields)
    for name, value in fields:
        assert f"{name}: {value}\r\n".encode("latin-1") in first.fields


@LAW
@given(st.integers(200, 599), VALUE, FIELDS, st.integers(0, 10**9))
def test_an_answer_written_again_reads_the_same(
    status: int, reason: str, fields: list[tuple[str, str]], length: int
) -> None:
    raw = (
        f"HTTP/1.1 {status} {reason}\r\n{_lines(fields)}Content-Length: {length}\r\n\r\n"
    ).encode("latin-1")
    first = parse_response(raw)
    again = parse_response(response_bytes(first, framing_of(length)))
    assert (again.status, again.reason, again.length) == (status, first.reason, length)


@LAW
@given(FIELDS, TOKEN.filter(lambda name: name.lower() not in SPECIAL), VALUE)
def test_a_header_that_connection_names_never_travels(
    fields: list[tuple[str, str]], named: str, value: str
) -> None:
    if named.lower() in {"content-encoding", "content-type", "close"}:
        return
    raw = (
        f"GET / HTTP/1.1\r\n{_lines(fields)}{named}: {value}\r\nHost: a\r\n"
        f"Connection: keep-alive, {named}\r\n\r\n"
    ).encode("latin-1")
    lines = request_bytes(parse_request(raw)).lower().split(b"\r\n")
    assert not [line for line in lines if line.startswith(f"{named.lower()}:".encode())]
    assert not [line for line in lines if line.startswith(b"connection:")]


@LAW
@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_or_are_refused(junk: bytes) -> None:
    for raw in (junk, b"GET / HTTP/1.1\r\nHost: a\r\n" + junk + b"\r\n\r\n"):
        try:
            request = parse_request(raw)
        except BadMessage:
            continue
        _is_canonical(request)


def _is_canonical(request: Request) -> None:
    written = request_bytes(request)
    head, _, rest = written.partition(b"\r\n\r\n")
    assert rest == b""
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert b"\r" not in head.replace(b"\r\n", b"")
    low = head.lower()
    framings = low.count(b"\r\ncontent-length:") + low.count(b"\r\ntransfer-encoding:")
    assert framings <= 1


@LAW
@given(CONTENTS, st.binary(max_size=20), st.lists(st.integers(0, 4000), max_size=30))
def test_a_chunked_body_reads_the_same_however_it_is_cut(
    contents: list[bytes], after: bytes, cuts: list[int]
) -> None:
    raw = b"".join(chunk(content) for content in contents) + LAST_CHUNK + after
    assert _read(_cut(raw, cuts)) == (b"".join(contents), True, after, False)


@LAW
@given(CONTENTS, BROKEN, st.lists(st.integers(0, 4000), max_size=30))
def test_a_broken_chunked_body_is_broken_however_it_is_cut(
    contents: list[bytes], junk: bytes, cuts: list[int]
) -> None:
    raw = b"".join(chunk(content) for content in contents) + junk
    whole = _read([raw])
    assert _read(_cut(raw, cuts)) == whole
    assert _read([raw[at : at + 1] for at in range(len(raw))]) == whole


@LAW
@given(st.binary(max_size=500), st.integers(0, 500), st.lists(st.integers(0, 600), max_size=10))
def test_a_counted_body_reads_the_same_however_it_is_cut(
    data: bytes, length: int, cuts: list[int]
) -> None:
    reader = Counted(length)
    content = after = b""
    for part in _cut(data, cuts):
        if reader.done:
            after += part
        else:
            content += reader.feed(part)
    assert content == data[:length]
    assert reader.done == (len(data) >= length)
    assert reader.rest + after == data[length:]


@pytest.mark.parametrize(
    ("line", "length"),
    [("Content-Length: 5", 5), ("Transfer-Encoding: chunked", CHUNKED), ("X: y", None)],
)
def test_the_length_of_a_request_is_read(line: str, length: int | None) -> None:
    request = parse_request(f"POST / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n".encode())
    assert request.length == length
