"""The name a TLS client asks for, read from its first bytes without taking part in the handshake.

Sans-io, after RFC 8446 section 4.1.2 and RFC 6066 section 3. A name that is encrypted or not there
reads as none: it is a hint for routing and logs, and proves nothing.
"""

from __future__ import annotations

import re

HANDSHAKE = 0x16
HELLO_LIMIT = 16 * 1024
"""Bytes of a ClientHello that are waited for; one that is longer has no name here."""
_CLIENT_HELLO = 1
_RECORD_HEAD = 5
_RANDOM_END = 34
"""The version and the random before the session id."""
_NAME = re.compile(rb"[0-9A-Za-z_](?:[0-9A-Za-z_.-]{0,253}[0-9A-Za-z_])?").fullmatch


class _Malformed(Exception):
    """These bytes are no ClientHello."""


def server_name(first: bytes) -> str | None:
    """The name in lower case, empty when there is none; None when more bytes are needed."""
    try:
        hello = _hello(first)
        if hello is None:
            return "" if len(first) >= HELLO_LIMIT else None
        return _name(hello)
    except _Malformed:
        return ""


def _hello(data: bytes) -> bytes | None:
    """The body of the ClientHello, put together from its records; None while it is not whole."""
    message = b""
    at = 0
    while at < len(data):
        if data[at] != HANDSHAKE or data[at + 1 : at + 2] not in (b"", b"\x03"):
            raise _Malformed
        if len(data) - at < _RECORD_HEAD:
            return None
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if not size:
            raise _Malformed
        at += _RECORD_HEAD
        message += data[at : at + size]
        at += size
        if message and message[0] != _CLIENT_HELLO:
            raise _Malformed
        if len(message) >= 4:
            whole = 4 + int.from_bytes(message[1:4], "big")
            if whole > HELLO_LIMIT:
                raise _Malformed
            if len(message) >= whole:
                return message[4:whole]
    return None


def _name(hello: bytes) -> str:
    _, at = _sized(hello, _RANDOM_END, 1)
    _, at = _sized(hello, at, 2)
    _, at = _sized(hello, at, 1)
    if at == len(hello):
        return ""
    extensions, _ = _sized(hello, at, 2)
    at = 0
    while at < len(extensions):
        kind = extensions[at : at + 2]
        content, at = _sized(extensions, at + 2, 2)
        if kind == b"\0\0":
            names, _ = _sized(content, 0, 2)
            name, _ = _sized(names, 1, 2)
            return name.decode("ascii").lower() if names[0] == 0 and _NAME(name) else ""
    return ""


def _sized(data: bytes, at: int, digits: int) -> tuple[bytes, int]:
    """A part that says its own size in so many bytes, and where it ends."""
    begin = at + digits
    end = begin + int.from_bytes(data[at:begin], "big")
    if begin > len(data) or end > len(data):
        raise _Malformed
    return data[begin:end], end
