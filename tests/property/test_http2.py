"""Laws of HTTP/2 reading: cuts do not matter, no bytes are fatal, heads survive the passage."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import hpack
from h2.events import DataReceived, Event, RequestReceived, StreamReset
from hypothesis import given, settings, strategies as st

from proxy.errors import BadMessage
from proxy.http2.compression import Decoder
from proxy.http2.fields import request_fields, request_of
from proxy.http2.frames import Fault
from proxy.http2.wire import Broken, Wire
from proxy.sniff import PREFACE
from tests.integration.proxy.http2_raw import block, frame

LAW = settings(deadline=None)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b":method", b":path", b":scheme", b":authority", b"x", b"content-length",
                         b"host", b"cookie", b"te", b"X", b"", b"connection"]),
        st.sampled_from([b"GET", b"/", b"http", b"a", b"5", b"", b"trailers", b"\r\n", b"\0"]),
    ),
    max_size=8,
)  # fmt: skip
GOOD = st.lists(
    st.tuples(st.sampled_from([b"x", b"y-z", b"accept"]), st.binary(max_size=20)), max_size=6
).map(
    lambda fields: [
        (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/"),
        *fields,
    ]
)  # fmt: skip
FRAMES = st.one_of(
    st.builds(
        lambda fields, flags, stream: frame(1, flags, stream, block(fields)),
        st.one_of(FIELDS, GOOD), st.sampled_from([4, 5, 0, 1]), st.sampled_from([1, 3, 5, 2]),
    ),
    st.builds(
        frame, st.integers(0, 12), st.integers(0, 255), st.integers(0, 7), st.binary(max_size=40)
    ),
    st.builds(lambda body: frame(0, 1, 1, body), st.binary(max_size=40)),
)  # fmt: skip
SETTLED = PREFACE + frame(4)


def _told(event: Event) -> tuple[object, ...]:
    if isinstance(event, RequestReceived):
        return ("request", event.stream_id, tuple(event.headers or ()), event.stream_ended is None)
    if isinstance(event, DataReceived):
        return ("content", event.stream_id, event.data, event.stream_ended is None)
    if isinstance(event, StreamReset):
        return ("reset", event.stream_id, event.error_code)
    if isinstance(event, Broken):
        return ("broken", event.stream_id, event.sentence)
    return (type(event).__name__,)


def _heard(pieces: list[bytes]) -> list[tuple[object, ...]]:
    """Events, and the fault that ended them."""
    wire, told = Wire(server=True), []
    try:
        for piece in pieces:
            for event in wire.receive(piece, 1.0):
                told.append(_told(event))
                if isinstance(event, RequestReceived):
                    wire.expect(event.stream_id or 0, 5)
    except Fault as fault:
        told.append(("fault", fault.code, str(fault)))
    wire.output()
    return told


def _cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[a:b] for a, b in pairwise(places)]


@LAW
@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 10_000), max_size=12))
def test_every_cut_of_the_bytes_gives_the_same_events(frames: list[bytes], at: list[int]) -> None:
    data = SETTLED + b"".join(frames)
    whole = _heard([data])
    assert _heard(_cut(data, at)) == whole
    assert _heard([data[n : n + 1] for n in range(len(data))]) == whole


@LAW
@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_no_bytes_are_fatal(data: bytes, server: bool, greeted: bool) -> None:
    wire = Wire(server)
    start = (SETTLED if server else frame(4)) if greeted else b""
    with suppress(Fault):
        for event in wire.receive(start + data, 1.0):
            assert isinstance(event, Event)
    wire.output()


@LAW
@given(FIELDS.map(tuple), st.booleans())
def test_fields_are_a_request_or_refused_and_a_request_is_said_the_same(
    fields: tuple[tuple[bytes, bytes], ...], ended: bool
) -> None:
    try:
        request = request_of(fields, ended)
    except BadMessage:
        return
    again = request_of(request_fields(request, b"http"), ended)
    assert (again.method, again.target, again.host, again.length) == (
        request.method, request.target, request.host, request.length
    )  # fmt: skip
    assert sorted(again.fields.splitlines()) == sorted(request.fields.splitlines())


TABLED = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from([b"x", b"y", b":status", b"date", b"cookie"]),
            st.sampled_from([b"", b"200", b"a" * 700, b"b" * 1500, b"c" * 5000, b"d"]),
        ),
        max_size=5,
    ),
    max_size=20,
)


@LAW
@given(TABLED, st.lists(st.sampled_from([0, 100, 2000, 4096]), max_size=20), st.booleans())
def test_what_is_remembered_of_a_table_is_what_it_holds(
    blocks: list[list[tuple[bytes, bytes]]], sizes: list[int], huffman: bool
) -> None:
    sender, plain, ours, fresh = hpack.Encoder(), hpack.Decoder(), Decoder(), Decoder()
    for at, fields in enumerate(blocks):
        if at < len(sizes):
            sender.header_table_size = sizes[at]
        for _ in range(2):
            said = sender.encode(fields, huffman=huffman)
            expected = list(plain.decode(said, raw=True))
            assert list(ours.decode(said, raw=True)) == expected == fields
            assert list(fresh.decode(said, raw=True)) == expected
            assert list(ours.header_table.dynamic_entries) == list(
                plain.header_table.dynamic_entries
            )
