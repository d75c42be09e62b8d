"""Inputs made from seeds: the corpora, and the pieces that protocols are made of."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from proxy.contract import codec
from proxy.contract.session import Bye, Nack
from proxy.http1.bodies import LAST_CHUNK
from tests.fuzz import framed_seeds
from tests.integration.proxy.corpus.answers import ANSWERS
from tests.integration.proxy.corpus.framing import FRAMING
from tests.integration.proxy.corpus.heads import HEADS

LENGTH_LIMIT = 4096
Known = list[bytes]
Parts = tuple[bytes, ...]
PIECES = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\0", b":", b",", b";", b"0", b"1", b"-1",
    b"+1", b"_", b"\xff", b"\x0b", b"Content-Length: 1\r\n", b"Content-Length: 0\r\n",
    b"content-length:",
    b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:", b"chunked", b"Host: a\r\n", b"host:",
    b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"HTTP/1.0", b"HTTP/1.1", b"GET / ",
    b"HEAD / ",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 C\r\n\r\n",
    b"HTTP/1.1 204 N\r\n", b"HTTP/1.1 101 S\r\n", LAST_CHUNK, b"1\r\na\r\n", b"5\r\n", b"0\r\n",
)  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """What a target starts from."""
    if target in framed_seeds.SEEDS:
        return framed_seeds.SEEDS[target]
    if target in ("requests", "heads", "sniffing"):
        return [one.sent[:LENGTH_LIMIT] for one in (*HEADS, *FRAMING)]
    if target == "answers":
        return [one.sent[:LENGTH_LIMIT] for one in ANSWERS]
    if target == "chunks":
        return [one.sent.partition(b"\r\n\r\n")[2][:LENGTH_LIMIT] for one in FRAMING]
    return [
        codec.encode(Bye(retry_after_ms=5, reason="a")),
        codec.encode(Nack(nonce="n", v_kept=1, path="p", code="c", msg="m")),
    ]


def pieces(target: str) -> tuple[bytes, ...]:
    """What its inputs are made of."""
    return framed_seeds.PIECES if target in framed_seeds.SEEDS else PIECES


def mutated(target: str, seed: int) -> Iterator[bytes]:
    """Without end, the same for the same seed; the first bytes say where the rest is cut."""
    rng = random.Random(seed)
    known = seeds(target)
    parts = pieces(target)
    while True:
        data = bytearray(rng.choice(known))
        for _ in range(rng.randrange(4)):
            rng.choice(_CHANGES)(rng, data, known, parts)
        choice = rng.randrange(256)
        yield bytes([choice]) + rng.randbytes(2 * (choice % 6)) + bytes(data[:LENGTH_LIMIT])


def _at(rng: random.Random, data: bytearray) -> int:
    return rng.randrange(len(data) + 1)


def _insert(rng: random.Random, data: bytearray, _known: Known, parts: Parts) -> None:
    at = _at(rng, data)
    data[at:at] = rng.choice(parts)


def _overwrite(rng: random.Random, data: bytearray, _known: Known, parts: Parts) -> None:
    piece = rng.choice(parts)
    at = _at(rng, data)
    data[at : at + len(piece)] = piece


def _flip(rng: random.Random, data: bytearray, _known: Known, _parts: Parts) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _delete(rng: random.Random, data: bytearray, _known: Known, _parts: Parts) -> None:
    at = _at(rng, data)
    del data[at : at + rng.choice((1, 1, 2, 4, 16))]


def _repeat(rng: random.Random, data: bytearray, _known: Known, _parts: Parts) -> None:
    at = _at(rng, data)
    data[at:at] = data[at : at + rng.choice((1, 2, 8, 64))]


def _splice(rng: random.Random, data: bytearray, known: Known, _parts: Parts) -> None:
    other = rng.choice(known)
    data[_at(rng, data) :] = other[rng.randrange(len(other) + 1) :]


def _follow(rng: random.Random, data: bytearray, known: Known, _parts: Parts) -> None:
    data += rng.choice(known)


_CHANGES: tuple[Callable[[random.Random, bytearray, Known, Parts], None], ...] = (
    _insert, _overwrite, _flip, _delete, _repeat, _splice, _follow,
)  # fmt: skip
