"""What is spoken is told from the first bytes, however they are cut."""

from __future__ import annotations

import pytest

from proxy.sniff import PREFACE, ends_as_request, spoken

CASES = [
    (b"GET / HTTP/1.1\r\n", "http1"),
    (b"\r\n\r\nPOST /x HTTP/1.1\r\n", "http1"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", "http2"),
    (b"PRIVATE / HTTP/1.1\r\n", "http1"),
    (b"PR x", "http1"),
    (b"\x01\x00\x01", "bolt"),
    (b"\x16\x03\x01", "tcp"),
    (b"*1\r\n$4\r\nPING\r\n", "tcp"),
    (b"a" * 33, "http1"),
    (b" GET", "http1"),
    (b"\r\n\tGET", "http1"),
    (b"\xa0GET / HTTP/1.1", "http1"),
    (b"GE(T / HTTP/1.1", "http1"),
    (b"GET\t/ HTTP/1.1", "http1"),
    (b"\r\n" * 17 + b"\0", "http1"),
    (b"GE\x01T / HTTP/1.1", "tcp"),  # until its line ends: `ends_as_request`
    (b"GET\x0b/ HTTP/1.1", "http1"),
    (b"POST\xa0/", "http1"),
    (b"AMQP\0\0\x09\x01", "tcp"),
    (b"0\x0c\x02\x01\x01`\x07", "tcp"),
    (b"Ga\x0c\0\0", "tcp"),
    (b"\xda\xbb", "tcp"),
]


@pytest.mark.parametrize(("first", "protocol"), CASES)
def test_it_is_told_from_the_first_bytes(first: bytes, protocol: str) -> None:
    assert spoken(first) == protocol


@pytest.mark.parametrize(("first", "protocol"), CASES)
def test_fewer_bytes_never_tell_something_else(first: bytes, protocol: str) -> None:
    told = {spoken(first[:n]) for n in range(len(first) + 1)}
    assert told <= {None, protocol}


def test_a_preface_is_believed_only_whole() -> None:
    assert spoken(PREFACE[:-1]) is None
    assert spoken(b"PRI * HTTP/2.0\r\n\r\nXX") == "http1"


LINES = [
    (b"GE\x01T / HTTP/1.1\r\n", True),
    (b"\r\n\n\0GET / HTTP/1.1\n", True),
    (b"G\0T\x0c/\x0cHTTP/1.0 \x85\r\nHost: a", True),
    (b"g\x01t / http/2\r\n", True),
    (b"*1\r\n$4\r\nPING / HTTP/1.1\r\n", False),
    (b"\0\x01log: GET / HTTP/1.1 200\n", False),
    (b"\x02/HTTP/1.1\n", False),
    (b"\x16\x03\x01\n", False),
]


@pytest.mark.parametrize(("first", "is_request"), LINES)
def test_a_line_that_ends_with_a_version_of_http_is_a_request_line(
    first: bytes, is_request: bool
) -> None:
    assert ends_as_request(first) is is_request
    end = first.index(b"\n", len(first) - len(first.lstrip(b"\r\n"))) + 1
    assert {ends_as_request(first[:n]) for n in range(end)} == {None}
    assert {ends_as_request(first[:n]) for n in range(end, len(first) + 1)} == {is_request}
