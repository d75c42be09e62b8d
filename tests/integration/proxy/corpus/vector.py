"""One entry of the corpus, and the words to write many of them with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

CRLF = b"\r\n"
END = b"\r\n\r\n"
HOST = b"Host: a"
CHUNKED = b"Transfer-Encoding: chunked"
CONTROLS = [bytes([c]) for c in (*range(0x20), 0x7F) if c not in b"\t\r\n"]
DELIMITERS = [bytes([c]) for c in b'()<>@,;\\"/[]?={}']
WRONG_ENDS = {"LF": b"\n", "CR": b"\r", "CR CR LF": b"\r\r\n", "LF CR": b"\n\r", "VT": b"\x0b"}
WRONG_NUMBERS = (
    b"+1", b"-1", b"-0", b"+0", b"1_0", b"0x1", b"0b1", b"1.0", b"1,1", b"1, 1", b"1;", b"'1'",
    b'"1"', "\u0661".encode(), "\uff11".encode(), "\u00b2".encode(), b"1\x0b", b"\x0c1", b"1\x00",
    b"\x001", b"1\xa0", b"1\xc2\x85", b"1 1", b"1\t1", b"x", b"1x", b"x1", b"9" * 19, b"9" * 400,
)  # fmt: skip
"""What a lenient reader takes for a number, and a strict one for another or for none."""


class Asked(msgspec.Struct, frozen=True):
    """What a caller sends, and what has to come of it."""

    name: str
    sent: bytes
    seen: bytes | None
    """What the origin must have seen, without the trace; None when the caller is refused."""
    answers: int = 1
    """Answers to the bytes of `sent`, one of them a refusal if anything is refused."""
    ends: bool = False
    """Must the connection end after them? A refusal always ends it."""

    @property
    def is_refused(self) -> bool:
        """Must nothing of it reach the origin whole?"""
        return self.seen is None


class Answered(msgspec.Struct, frozen=True):
    """What an origin sends as an answer, and what has to come of it."""

    name: str
    sent: bytes
    heard: bytes | None
    """What the caller must hear; None is the refusal that the answer was broken."""
    method: bytes = b"GET"
    minor: int = 1
    then: Literal["stay", "close", "reset"] = "stay"
    """What the origin does after it."""
    cut: bool = False
    """Must the caller be able to tell that `heard` is not all?"""
    again: bool = False
    """May the connection to the origin serve another request?"""


def head(line: bytes, *fields: bytes) -> bytes:
    """A head of these lines."""
    return CRLF.join((line, *fields)) + END


def get(*fields: bytes, target: bytes = b"/") -> bytes:
    """A GET with a Host."""
    return head(b"GET " + target + b" HTTP/1.1", HOST, *fields)


def post(*fields: bytes, body: bytes = b"") -> bytes:
    """A POST with a Host."""
    return head(b"POST / HTTP/1.1", HOST, *fields) + body


def refused(name: str, sent: bytes) -> Asked:
    """Nothing of it may reach the origin."""
    return Asked(name, sent, None)


def same(name: str, sent: bytes) -> Asked:
    """It reaches the origin byte for byte."""
    return Asked(name, sent, sent)


def each(name: str, values: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Names for the members of a family."""
    return [
        (f"{name} {value[:24]!r}" + (f" of {len(value)}" if len(value) > 24 else ""), value)
        for value in values
    ]
