"""The sample server takes what is well formed, however it arrives, and refuses the rest."""

from __future__ import annotations

import pytest

from meshconsole.demo.http_server import Refused, Request, take_request

WHOLE = (
    b"POST /orders?x=1 HTTP/1.1\r\nHost: order\r\nX-Request-Id: a.1\r\n"
    b"content-length: 4\r\n\r\nbody"
)
CHUNKED = (
    b"POST /orders HTTP/1.1\r\nhost: order\r\ntransfer-encoding: chunked\r\n\r\n"
    b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
)


def test_a_request_is_taken_once_all_of_it_is_there() -> None:
    buffer = bytearray()
    for byte in WHOLE[:-1]:
        buffer.append(byte)
        assert take_request(buffer) is None
    buffer.append(WHOLE[-1])
    assert take_request(buffer) == Request(
        "POST",
        "/orders",
        "x=1",
        {"host": "order", "x-request-id": "a.1", "content-length": "4"},
        b"body",
    )
    assert buffer == b""


def test_two_requests_in_one_piece_are_taken_one_by_one() -> None:
    buffer = bytearray(WHOLE + CHUNKED)
    first, second = take_request(buffer), take_request(buffer)
    assert first is not None
    assert second is not None
    assert (first.body, second.body) == (b"body", b"body")
    assert take_request(buffer) is None


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"GET / HTTP/1.1\nhost: a\n\n\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: +4\r\n\r\nbody",
        b"GET / HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 4\r\n\r\nbody",
        b"GET / HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0x2\r\nbo\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbodyX\r\n",
        b"GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n",
        b"GET nowhere HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"x" * 20000,
    ],
)
def test_what_is_malformed_is_refused(bytes_sent: bytes) -> None:
    with pytest.raises(Refused):
        take_request(bytearray(bytes_sent))
