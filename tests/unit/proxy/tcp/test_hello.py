"""The name in a TLS greeting is read however the greeting is cut, and never invented."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given, strategies as st

from proxy.tcp.hello import HELLO_LIMIT, server_name


def greeting(name: str | None) -> bytes:
    """What a real client says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(hello: bytes, size: int) -> bytes:
    """The same handshake message in records of at most `size` bytes."""
    message = hello[5:]
    parts = (message[at : at + size] for at in range(0, len(message), size))
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in parts)


HELLO = greeting("Stock.mesh")
NAMELESS = greeting(None)


def test_the_name_is_read_in_lower_case() -> None:
    assert server_name(HELLO) == "stock.mesh"


def test_a_greeting_without_a_name_has_none() -> None:
    assert server_name(NAMELESS) == ""


@pytest.mark.parametrize("end", range(len(HELLO)))
def test_fewer_bytes_ask_for_more(end: int) -> None:
    assert server_name(HELLO[:end]) is None


@given(st.integers(1, 600))
def test_a_greeting_in_many_records_is_the_same(size: int) -> None:
    assert server_name(in_records(HELLO, size)) == "stock.mesh"


@given(st.binary(max_size=64))
def test_what_follows_the_greeting_does_not_matter(more: bytes) -> None:
    assert server_name(HELLO + more) == "stock.mesh"


@given(st.binary(max_size=400))
def test_any_bytes_read_as_a_name_or_none(data: bytes) -> None:
    name = server_name(data)
    assert name is None or name == "" or name.isascii()


@given(st.integers(0, len(HELLO) - 1), st.integers(0, 255))
def test_a_damaged_greeting_harms_nobody(at: int, byte: int) -> None:
    damaged = HELLO[:at] + bytes([byte]) + HELLO[at + 1 :]
    for end in range(0, len(damaged) + 1, 7):
        name = server_name(damaged[:end])
        assert name is None or name == "" or name.isascii()


@given(st.integers(0, len(HELLO) - 1), st.integers(0, 255), st.integers(0, len(HELLO)))
def test_more_bytes_never_change_what_was_told(at: int, byte: int, end: int) -> None:
    damaged = HELLO[:at] + bytes([byte]) + HELLO[at + 1 :]
    early = server_name(damaged[:end])
    assert early is None or early == server_name(damaged)


def test_a_greeting_without_end_is_not_waited_for() -> None:
    endless = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfb" + bytes(HELLO_LIMIT)
    assert server_name(endless[: HELLO_LIMIT - 100]) is None
    assert server_name(endless) == ""


def test_a_name_that_is_no_host_is_none() -> None:
    assert server_name(HELLO.replace(b"Stock.mesh", b"Stock\r\nmes")) == ""
