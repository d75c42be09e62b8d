"""Where the key of a request is found."""

from __future__ import annotations

import pytest

from proxy.balancing.keys import key_of
from proxy.http1.heads import parse_request

REQUEST = parse_request(
    b"GET /stock/7?warm=1 HTTP/1.1\r\nHost: stock\r\nX-Account: 42\r\n"
    b"Cookie: other=1; sid=abc; sid=def; xsid=no\r\n\r\n"
)


@pytest.mark.parametrize(
    ("hash_on", "key"),
    [
        ("header:x-account", b"42"),
        ("header:X-ACCOUNT", b"42"),
        ("header:absent", None),
        ("cookie:sid", b"abc"),
        ("cookie:other", b"1"),
        ("cookie:id", None),
        ("path", b"/stock/7"),
        ("caller", b"order-1"),
        ("", None),
    ],
)
def test_the_part_that_is_named_is_the_key(hash_on: str, key: bytes | None) -> None:
    assert key_of(hash_on, b"order-1")(REQUEST) == key


def test_a_request_without_cookies_and_a_proxy_without_a_name_have_no_key() -> None:
    plain = parse_request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert key_of("cookie:sid")(plain) is None
    assert key_of("caller")(plain) is None
