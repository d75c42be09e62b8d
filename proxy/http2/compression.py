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
from typing import NamedTuple, TypeVar

import hpack
from h2.errors import ErrorCodes
from hpack.hpack import encode_integer
from hpack.struct import HeaderTuple
from hpack.table import HeaderTable

from proxy.http2.frames import Fault
from proxy.http2.limits import HEADER_LIST_READ

SIZE_UPDATE = 0x20
"""A block that begins so changes the table's size; it may say that nowhere else."""
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
REMEMBERED_SPELT = 256
"""Blocks that are remembered for all connections."""
T = TypeVar("T")

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


class _Table(HeaderTable):
    """The peer's table, which notes what a block reads from it and adds to it."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[tuple[bytes, bytes]] = []
        self.read = False

    def get_by_index(self, index: int) -> tuple[bytes, bytes]:
        """An entry; those of the static table are the same for everybody."""
        self.read = self.read or index > HeaderTable.STATIC_TABLE_LENGTH
        return super().get_by_index(index)

    def add(self, name: bytes, value: bytes) -> None:
        """One more entry."""
        self.added.append((name, value))
        super().add(name, value)


class _Spelt(NamedTuple):
    """What a block means that reads nothing from the peer's table."""

    fields: list[HeaderTuple]
    added: list[tuple[bytes, bytes]]
    """Entries that it leaves in the table."""


_spelt: dict[bytes, _Spelt] = {}
"""Such blocks mean the same on every connection: a server's answers of one second, for instance."""


class Decoder(hpack.Decoder):
    """Reads header blocks, and remembers those that say the same while the table stays."""

    def __init__(self) -> None:
        super().__init__(HEADER_LIST_READ)
        self.header_table: _Table = _Table()
        self._remembered: dict[bytes, list[HeaderTuple]] = {}

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        """The fields of a block; raises Fault, as nothing said after it could be read."""
        known = self._remembered.get(data)
        if known is not None:
            return known
        table = self.header_table
        table.read = False
        table.added = []
        spelt = _spelt.get(data)
        if spelt is not None:
            fields = spelt.fields
            for name, value in spelt.added:
                table.add(name, value)
        else:
            fields = self._decoded(data, raw)
        resized = data[:1] != b"" and data[0] & 0xE0 == SIZE_UPDATE
        if table.added or resized:
            self._remembered.clear()
        if spelt is None and len(data) <= REMEMBERED_BLOCK and not resized:
            if not table.read:
                _remember(_spelt, data, _Spelt(fields, table.added), REMEMBERED_SPELT)
            elif not table.added:
                _remember(self._remembered, data, fields, REMEMBERED_BLOCKS)
        return fields

    def _decoded(self, data: bytes, raw: bool) -> list[HeaderTuple]:
        try:
            return list(super().decode(data, raw))
        except hpack.OversizedHeaderListError:
            raise Fault(ErrorCodes.ENHANCE_YOUR_CALM, "A header list is far too long.") from None
        except (hpack.HPACKError, IndexError) as error:
            # not the library's words: they hold addresses of memory, and some reach the other side
            sentence = f"A header block cannot be read ({type(error).__name__})."
            raise Fault(ErrorCodes.COMPRESSION_ERROR, sentence) from None


def _remember(memory: dict[bytes, T], block: bytes, meaning: T, most: int) -> None:
    if len(memory) >= most:
        memory.clear()
    memory[bytes(block)] = meaning
