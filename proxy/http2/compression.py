"""HPACK as this proxy uses it: nothing of its own in a table, and no block decoded twice.

Encoding names fields of the static table and spells out the rest, without Huffman codes. A table
that is never filled needs no search and holds no secret that a guess could be compared with (the
CRIME attack), and what a field looks like does not depend on what was said before, so it is
remembered. Inside a mesh bytes are cheap and this proxy's time is not.

A peer that does fill its table soon says the same request in a few index bytes, again and again.
While the table stays as it is they mean the same, so what they meant is remembered with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import hpack
from h2.errors import ErrorCodes
from hpack.hpack import encode_integer
from hpack.struct import HeaderTuple
from hpack.table import HeaderTable

from proxy.http2.frames import Fault
from proxy.http2.limits import HEADER_LIST_READ

EMPTY_TABLE = b"\x20"
"""The encoder's table has no size: said once, at the start of the first block."""
NEVER_INDEXED = frozenset(
    {b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"}
)
"""Told to be kept out of every table on the way."""
REMEMBERED_FIELD = 256
"""Bytes of a field that is remembered."""
REMEMBERED_BLOCKS, REMEMBERED_BLOCK = 16, 512
"""Blocks of one connection that are remembered, and bytes of one."""

Fields = Iterable[tuple[bytes, bytes]]


def encoded(name: bytes, value: bytes) -> bytes:
    """One field: its number in the static table, or its name's number and its value, spelt out."""
    if len(name) + len(value) <= REMEMBERED_FIELD:
        return _encoded_again(name, value)
    return _encoded(name, value)


def _encoded(name: bytes, value: bytes) -> bytes:
    known = HeaderTable.STATIC_TABLE_MAPPING.get(name)
    if known is not None and value in known[1]:
        number = encode_integer(known[1][value], 7)
        number[0] |= 0x80
        return bytes(number)
    start = encode_integer(known[0], 4) if known is not None else bytearray(1)
    if name in NEVER_INDEXED:
        start[0] |= 0x10
    spelt = b"" if known is not None else bytes(encode_integer(len(name), 7)) + name
    return bytes(start) + spelt + bytes(encode_integer(len(value), 7)) + value


_encoded_again = lru_cache(2048)(_encoded)


class Encoder(hpack.Encoder):
    """Writes header blocks that need no table."""

    def __init__(self) -> None:
        super().__init__()
        self._first = EMPTY_TABLE

    def encode(self, headers: Fields, huffman: bool = False) -> bytes:  # type: ignore[override]
        """A header block."""
        block = self._first + b"".join([encoded(name, value) for name, value in headers])
        self._first = b""
        return block


class Decoder(hpack.Decoder):
    """Reads header blocks, and remembers those that say the same while the table stays."""

    def __init__(self) -> None:
        super().__init__(HEADER_LIST_READ)
        self._remembered: dict[bytes, list[HeaderTuple]] = {}

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        """The fields of a block; raises Fault, as nothing said after it could be read."""
        known = self._remembered.get(data)
        if known is not None:
            return known
        table = self.header_table
        entries = table.dynamic_entries
        newest, count, size = entries[0] if entries else None, len(entries), table.maxsize
        try:
            fields = list(super().decode(data, raw))
        except hpack.OversizedHeaderListError:
            raise Fault(ErrorCodes.ENHANCE_YOUR_CALM, "A header list is far too long.") from None
        except (hpack.HPACKError, IndexError) as error:
            sentence = f"A header block cannot be read: {error}"[:200]
            raise Fault(ErrorCodes.COMPRESSION_ERROR, sentence) from None
        newest_now = entries[0] if entries else None
        if newest_now is not newest or len(entries) != count or table.maxsize != size:
            self._remembered.clear()
        elif len(data) <= REMEMBERED_BLOCK:
            if len(self._remembered) >= REMEMBERED_BLOCKS:
                self._remembered.clear()
            self._remembered[bytes(data)] = fields
        return fields
