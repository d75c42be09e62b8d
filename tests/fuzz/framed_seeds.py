"""What HTTP/2 and SOFABolt are said with: whole frames, to be mutated, cut and put together."""

from __future__ import annotations

import hpack

from proxy.bolt import wire
from proxy.bolt.headers import block_of
from proxy.http2.compression import encoded
from tests.integration.proxy.bolt import answer, go_away, heartbeat, heartbeat_answer, request
from tests.integration.proxy.http2_raw import frame, headers, number

_POST = [
    (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/p"),
]  # fmt: skip
_GET = [
    (b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/g"),
]  # fmt: skip
_ANSWER = [(b":status", b"200"), (b"content-length", b"5")]
_OPEN, _LAST, _PADDED = 4, 5, 8


def _tabled(*fields: tuple[bytes, bytes], huffman: bool) -> bytes:
    """A block that fills the table, twice said, so that the second reads from it."""
    encoder = hpack.Encoder()
    first, second = (encoder.encode(fields, huffman=huffman) for _ in range(2))
    return frame(1, _LAST, 1, first) + frame(1, _LAST, 3, second)


HTTP2: list[bytes] = [
    headers(1, _GET),
    headers(1, _GET) + headers(3, [*_GET, (b"cookie", b"a"), (b"cookie", b"b")]),
    headers(1, _POST, _OPEN) + frame(0, 1, 1, b"hello"),
    headers(1, [*_POST, (b"content-length", b"5")], _OPEN) + frame(0, 1, 1, b"hello"),
    headers(3, [*_POST, (b"content-length", b"5")], _OPEN)
    + frame(0, _PADDED, 3, b"\x02hel\0\0")
    + frame(0, 1, 3, b"lo"),
    headers(1, _POST, _OPEN) + frame(0, 0, 1, b"hello") + headers(1, [(b"x-sum", b"1")], _LAST),
    headers(1, [*_POST, (b"te", b"trailers"), (b"expect", b"100-continue")], _OPEN)
    + frame(0, 1, 1),
    frame(1, 1, 1, b"".join(encoded(*field) for field in _GET[:2]))
    + frame(9, 4, 1, b"".join(encoded(*field) for field in _GET[2:])),
    headers(1, [*_GET, (b"host", b"a"), (b"transfer-encoding", b"chunked")]),
    headers(1, [*_GET, (b"x", b"a\r\nb: c")]),
    headers(5, _GET) + frame(3, 0, 5, number(8)),
    frame(4, 0, 0, b"\0\x04\0\0\0\0") + headers(1, _GET) + frame(8, 0, 1, number(3)),
    frame(4, 0, 0, b"\0\x01\0\0\0\0") + frame(4, 1),
    frame(6, 0, 0, b"12345678") + frame(6, 1, 0, b"12345678"),
    frame(8, 0, 0, number(1000)) + frame(2, 0, 1, number(0) + b"\x10"),
    frame(7, 0, 0, number(1) + number(0)),
    frame(77, 255, 1, b"unknown"),
    _tabled(*_GET, (b"x-one", b"first"), huffman=False),
    _tabled(*_GET, (b"x-two", b"second"), huffman=True),
    headers(1, _ANSWER, _OPEN) + frame(0, 1, 1, b"hello"),
    headers(1, [(b":status", b"100")], _OPEN) + headers(1, _ANSWER, _LAST),
    frame(5, 4, 1, number(2) + encoded(*_GET[0])),
]

HPACK: list[bytes] = [
    b"".join(encoded(*field) for field in _GET),
    bytes(hpack.Encoder().encode(_POST, huffman=True)),
    bytes(hpack.Encoder().encode([(b"x", b"1"), (b"x", b"1"), (b"y", b"2" * 80)], huffman=True)),
    b"\x82\x86\x84\xbe", b"\x20", b"\x3f\xe1\x1f", b"\x3f\x81\x01\x40\x01a\x01b", b"\xbe\xbf",
    b"\x40\x81\x1f\x81\x1f", b"\x10\x01a\x01b\x00\x01c\x01d",
]  # fmt: skip

BOLT: list[bytes] = [
    request(1, b"content"),
    request(2, b"", method="cancel", app="orders", traceparent="00-" + "a" * 32 + "-" + "b" * 16),
    request(3, b"one way", one_way=True),
    request(4, b"x", x_mesh_app="somebody", x_mesh_unit="u"),
    request(-1, b"x", timeout_ms=-1),
    answer(1, b"content"),
    answer(2, b"", 7, {"x-mesh-flag": "UF"}),
    answer(3, b"", 16, {"x-mesh-no-retry": "1", "x-mesh-flag": "RL"}),
    heartbeat(9), heartbeat_answer(9), go_away(),
    wire.asks(wire.CALL, 7, block=block_of([(b"Service", b"a"), (b"service", b"b")])),
    wire.asks(wire.CALL, 8, block=b"\xff\xff\xff\xff" + block_of([(b"a", b"b")])),
    wire.asks(wire.CALL, 8, block=b"\0\0\0\x01a\xff\xff\xff\xff"),
]  # fmt: skip

NUMBERS: tuple[bytes, ...] = (
    b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff", b"\x80\0",
    b"\0\0\x05", b"\0\x40\x01", number(1), number(1 << 31),
    b"\x01\x01\x00\x01", b"\x01\x00\x00\x02",
)  # fmt: skip
"""Lengths, numbers of streams and such, as they stand in frames."""
PIECES: tuple[bytes, ...] = (*NUMBERS, frame(4), frame(4, 1), frame(0, 1, 1), frame(9, 4, 1))
SEEDS: dict[str, list[bytes]] = {
    "hpack": HPACK,
    "http2": HTTP2,
    "http2-sessions": HTTP2,
    "bolt": BOLT,
    "bolt-sessions": BOLT,
}
