"""Header blocks that need no table, and blocks that mean the same for as long as it stays."""

from __future__ import annotations

import hpack
import pytest

from proxy.http2.compression import EMPTY_TABLE, Decoder, Encoder
from proxy.http2.frames import Fault

FIELDS = [
    (b":status", b"200"),
    (b"content-type", b"text/plain"),
    (b"x-own", b"v" * 300),
    (b"authorization", b"secret"),
    (b"empty", b""),
]


def test_what_is_encoded_is_read_the_same_by_anybody() -> None:
    encoder, decoder = Encoder(), hpack.Decoder()
    for _ in range(2):
        assert list(decoder.decode(encoder.encode(FIELDS), raw=True)) == FIELDS
    assert not decoder.header_table.dynamic_entries


def test_the_table_is_said_to_be_empty_once() -> None:
    encoder = Encoder()
    assert encoder.encode(FIELDS).startswith(EMPTY_TABLE)
    assert not encoder.encode(FIELDS).startswith(EMPTY_TABLE)


def test_a_secret_is_marked_to_be_kept_out_of_tables() -> None:
    fields = hpack.Decoder().decode(Encoder().encode(FIELDS), raw=True)
    assert [field[0] for field in fields if not field.indexable] == [b"authorization"]


def test_a_block_means_what_the_table_says_now() -> None:
    sender, decoder = hpack.Encoder(), Decoder()
    for value in (b"one", b"two"):
        field = [(b"x", value)]
        filled = sender.encode(field)
        assert list(decoder.decode(filled, raw=True)) == field
        repeated = sender.encode(field)
        assert len(repeated) == 1
        for _ in range(3):
            assert list(decoder.decode(repeated, raw=True)) == field


def test_the_newest_entry_is_not_taken_for_the_one_whose_place_it_got() -> None:
    sender, decoder = hpack.Encoder(), Decoder()
    last = b""
    for n in range(200):
        fields = [(b"x", b"%04d" % n + b"v" * 1500), (b"y", b"%04d" % n + b"v" * 1500)]
        assert list(decoder.decode(sender.encode(fields), raw=True)) == fields
        last = sender.encode(fields)
        assert list(decoder.decode(last, raw=True)) == fields
    assert last


@pytest.mark.parametrize(
    "block",
    [b"\x0f\x2a\x07chunk\xff\xff\xff\xff\xff", b"\xff\x80", b"\xfe", b"\x00\x05a", b"\x00\x81\x00"],
)
def test_what_cannot_be_read_is_told_without_an_address_of_memory(block: bytes) -> None:
    with pytest.raises(Fault, match="cannot be read") as caught:
        Decoder().decode(block, raw=True)
    assert "0x" not in str(caught.value)
