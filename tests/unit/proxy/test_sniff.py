"""What is spoken is told from the first bytes, however they are cut."""

from __future__ import annotations

import pytest

from proxy.sniff import PREFACE, spoken

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
    (b"GE\x01T / HTTP/1.1", "tcp"),
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
