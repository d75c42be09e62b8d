"""Header blocks: what is ambiguous is refused."""

from __future__ import annotations

import pytest

from proxy.bolt.headers import block_of, headers_of, pairs_of
from proxy.errors import BadMessage


def text(*strings: bytes | None) -> bytes:
    return b"".join(
        b"\xff" * 4 if string is None else len(string).to_bytes(4, "big") + string
        for string in strings
    )


def test_pairs_stand_one_after_another() -> None:
    block = text(b"service", b"a.B:1.0", b"Empty", b"")
    assert pairs_of(block) == [(b"service", b"a.B:1.0"), (b"Empty", b"")]
    assert block_of(pairs_of(block)) == block
    assert headers_of(block) == {b"service": b"a.B:1.0", b"empty": b""}
    assert headers_of(b"") == {}


def test_a_pair_with_a_string_that_is_none_is_left_out() -> None:
    assert pairs_of(text(b"a", None, b"b", b"1", None, b"c")) == [(b"b", b"1")]


def test_of_names_that_differ_in_case_only_the_first_holds() -> None:
    assert headers_of(text(b"App", b"1", b"app", b"2")) == {b"app": b"1"}


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (text(b"a", b"1", b"a", b"2"), "one name twice"),
        (text(b"a"), "ends after a name"),
        (text(b"a", b"1")[:-1], "inside a string"),
        (text(b"a", b"1") + b"\0\0\0", "inside a length"),
        (b"\x7f\xff\xff\xff", "inside a string"),
        (b"\xff\xff\xff\xfe" + text(b"a"), "negative"),
    ],
)
def test_a_malformed_block_is_refused(block: bytes, why: str) -> None:
    with pytest.raises(BadMessage, match=why):
        headers_of(block)
