"""A valid `traceparent` travels untouched; anything else is replaced, and exactly one goes on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from proxy.http1.heads import Request, parse_request
from proxy.tracing import trace_id_of, traced

TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
GOOD = b"00-%b-%b-01" % (TRACE, SPAN)
_VALUE = st.lists(
    st.sampled_from(
        [b"\t", *(bytes([byte]) for byte in (*range(0x20, 0x7F), *range(0x80, 0x100)))]
    ),
    max_size=70,
).map(b"".join)
_HEX = st.text("0123456789abcdef", min_size=32, max_size=32).map(str.encode)
ANY = st.one_of(
    _VALUE,
    st.just(GOOD),
    _HEX.map(lambda trace: b"00-%b-%b-00" % (trace, SPAN)),
    st.integers(0, len(GOOD) - 1).map(lambda at: GOOD[:at] + GOOD[at + 1 :]),
)


def _request(*lines: bytes) -> Request:
    said = b"".join(line + b"\r\n" for line in lines)
    return parse_request(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % said)


def _sent(request: Request, name: str) -> list[bytes]:
    found = re.findall(rf"(?im)^{name}:([^\r]*)\r\n".encode(), request.fields)
    return [value.strip() for value in found]


@pytest.mark.parametrize(
    ("value", "trace_id"),
    [
        (GOOD, TRACE),
        (b"00-%b-%b-00" % (TRACE, SPAN), TRACE),
        (b"cc-%b-%b-01-what-comes" % (TRACE, SPAN), TRACE),
        (b"cc-%b-%b-01" % (TRACE, SPAN), TRACE),
        (b"cc-%b-%b-01what" % (TRACE, SPAN), b""),
        (GOOD + b"-more", b""),
        (GOOD + b"0", b""),
        (GOOD[:-1], b""),
        (b"ff" + GOOD[2:], b""),
        (GOOD.upper(), b""),
        (b"00-%b-%b-01" % (b"0" * 32, SPAN), b""),
        (b"00-%b-%b-01" % (TRACE, b"0" * 16), b""),
        (b"", b""),
    ],
)
def test_what_the_standard_takes_for_a_trace(value: bytes, trace_id: bytes) -> None:
    assert trace_id_of(value) == trace_id


def test_a_valid_one_travels_with_its_state() -> None:
    request = _request(b"TraceParent: " + GOOD, b"tracestate: a=1", b"baggage: b=2")
    before = request.fields
    assert traced(request) == TRACE
    assert request.fields == before


def test_two_are_none_and_a_state_alone_means_nothing() -> None:
    for lines in (
        (b"traceparent: " + GOOD, b"x: y", b"traceparent: " + GOOD, b"Tracestate: a=1"),
        (b"tracestate: a=1", b"TRACESTATE: b=2"),
        (b"traceparent: nonsense", b"tracestate: a=1"),
    ):
        request = _request(*lines)
        trace_id = traced(request)
        (sent,) = _sent(request, "traceparent")
        assert trace_id_of(sent) == trace_id != TRACE
        assert _sent(request, "tracestate") == []


@given(values=st.lists(ANY, max_size=3), other=_VALUE)
def test_exactly_one_valid_header_goes_on(values: list[bytes], other: bytes) -> None:
    lines = [b"traceparent:" + value for value in values]
    request = _request(b"x-other:" + other, *lines, b"x-last: kept")
    trace_id = traced(request)
    (sent,) = _sent(request, "traceparent")
    assert trace_id_of(sent) == trace_id
    assert b"x-other:" + other in request.fields
    assert b"x-last: kept\r\n" in request.fields
    if len(values) == 1 and trace_id_of(values[0].strip()):
        assert sent == values[0].strip()
