"""Header blocks of SOFABolt: names and values, each a length of four bytes and as many bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from proxy.errors import BadMessage

NULL = -1
"""The length of a string that is none; its pair is left out, as the Java implementation does."""
_LENGTH = struct.Struct(">i")
_length_at = _LENGTH.unpack_from


def headers_of(block: bytes) -> dict[bytes, bytes]:
    """The headers by lower-case name; raises BadMessage.

    One name twice would be read as the first by some and as the last by others, so it is refused.
    Of names that differ in case only, the first holds.
    """
    headers: dict[bytes, bytes] = {}
    at = pairs = 0
    end = len(block)
    try:
        while at < end:
            name = at + 4
            name_end = name + _length_at(block, at)[0]
            value = name_end + 4
            at = value + _length_at(block, name_end)[0]
            if not name <= name_end < value <= at:
                return _with_care(block)
            headers[block[name:name_end].lower()] = block[value:at]
            pairs += 1
    except struct.error:
        return _with_care(block)
    return headers if at == end and len(headers) == pairs else _with_care(block)


def _with_care(block: bytes) -> dict[bytes, bytes]:
    """The same for a block that is not the usual one."""
    pairs = pairs_of(block)
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadMessage("The header block says one name twice.")
    return {name.lower(): value for name, value in reversed(pairs)}


def pairs_of(block: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values in their order; raises BadMessage."""
    strings = _strings_of(block)
    if len(strings) % 2:
        raise BadMessage("The header block ends after a name.")
    return [
        (name, value)
        for name, value in zip(strings[::2], strings[1::2], strict=True)
        if name is not None and value is not None
    ]


def block_of(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The header block that says these."""
    return b"".join(
        _LENGTH.pack(len(name)) + name + _LENGTH.pack(len(value)) + value for name, value in pairs
    )


def _strings_of(block: bytes) -> list[bytes | None]:
    strings: list[bytes | None] = []
    at, end = 0, len(block)
    while at < end:
        begin = at + 4
        if begin > end:
            raise BadMessage("The header block ends inside a length.")
        length = _length_at(block, at)[0]
        if length >= 0:
            at = begin + length
            if at > end:
                raise BadMessage("The header block ends inside a string.")
            strings.append(block[begin:at])
        elif length == NULL:
            at = begin
            strings.append(None)
        else:
            raise BadMessage("A length in the header block is negative.")
    return strings
