"""SOFABolt's frames, byte by byte as its specification lays them out."""

from __future__ import annotations

import pytest

from proxy.bolt import wire
from proxy.errors import BadMessage
from proxy.rpc.frames import ANSWER, GO_AWAY, ONE_WAY, PING, PONG, REQUEST, Frame

GOLDEN_REQUEST = bytes.fromhex(
    "01 01 0001 01 0000002a 01 00000bb8 0003 000a 00000004"  # 22 bytes of head
    " 636c73"  # the class, cls
    " 00000001 61 00000001 62"  # the header block, a: b
    " deadbeef"
)
GOLDEN_ANSWER = bytes.fromhex(
    "01 00 0002 01 0000002a 01 0007 0003 000a 00000004"  # 20 bytes of head, status 7
    " 636c73 00000001 61 00000001 62 deadbeef"
)
GOLDEN_PING = bytes.fromhex("01 01 0000 01 00000007 01 ffffffff 0000 0000 00000000")
GOLDEN_PONG = bytes.fromhex("01 00 0000 01 00000007 01 0000 0000 0000 00000000")
GOLDEN_GO_AWAY = bytes.fromhex("01 01 0064 01 00000007 01 00000000 0000 0000 00000000")
CLASS, BLOCK = b"cls", bytes.fromhex("00000001610000000162")
CONTENT = bytes.fromhex("deadbeef")


def read(data: bytes) -> Frame:
    reader = wire.Reader()
    reader.feed(data)
    frame = reader.next()
    assert frame is not None
    assert reader.next() is None
    assert not reader.partial
    return frame


def patched(frame: bytes, at: int, value: str) -> bytes:
    new = bytes.fromhex(value)
    return frame[:at] + new + frame[at + len(new) :]


def test_frames_are_written_as_they_are_laid_out() -> None:
    asked = wire.asks(wire.CALL, 42, timeout_ms=3000, class_=CLASS, block=BLOCK, content=CONTENT)
    assert asked == GOLDEN_REQUEST
    answered = wire.answers(wire.RESULT, 42, status=7, class_=CLASS, block=BLOCK, content=CONTENT)
    assert answered == GOLDEN_ANSWER
    assert wire.asks(wire.HEARTBEAT, 7) == GOLDEN_PING
    assert wire.answers(wire.HEARTBEAT, 7) == GOLDEN_PONG
    assert wire.asks(wire.LEAVE, 7, timeout_ms=0) == GOLDEN_GO_AWAY


@pytest.mark.parametrize(
    ("data", "kind", "id", "timeout_ms", "status"),
    [
        (GOLDEN_REQUEST, REQUEST, 42, 3000, 0),
        (patched(GOLDEN_REQUEST, 1, "02"), ONE_WAY, 42, 3000, 0),
        (GOLDEN_ANSWER, ANSWER, 42, 0, 7),
        (GOLDEN_PING, PING, 7, -1, 0),
        (GOLDEN_PONG, PONG, 7, 0, 0),
        (GOLDEN_GO_AWAY, GO_AWAY, 7, 0, 0),
        (patched(GOLDEN_REQUEST, 5, "ffffffff"), REQUEST, -1, 3000, 0),
    ],
)
def test_frames_are_read_as_they_are_laid_out(
    data: bytes, kind: int, id: int, timeout_ms: int, status: int
) -> None:
    frame = read(data)
    assert (frame.kind, frame.id, frame.raw) == (kind, id, data)
    assert (frame.timeout_ms, frame.status) == (timeout_ms, status)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (patched(GOLDEN_REQUEST, 0, "02"), "begins with 2"),
        (patched(GOLDEN_REQUEST, 1, "03"), "no type 3"),
        (patched(GOLDEN_REQUEST, 1, "ff"), "no type 255"),
        (patched(GOLDEN_REQUEST, 2, "0002"), "no command 2"),
        (patched(GOLDEN_REQUEST, 2, "0063"), "no command 99"),
        (patched(GOLDEN_ANSWER, 2, "0001"), "no command 1"),
        (patched(GOLDEN_PING, 1, "02"), "no command 0"),
        (patched(GOLDEN_REQUEST, 14, "8000"), "negative"),
        (patched(GOLDEN_REQUEST, 16, "ffff"), "negative"),
        (patched(GOLDEN_REQUEST, 18, "80000000"), "negative"),
        (patched(GOLDEN_REQUEST, 18, "00400001"), "longer than 4194304"),
        (patched(GOLDEN_ANSWER, 16, "7fffffff"), "longer than 4194304"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(data: bytes, why: str) -> None:
    reader = wire.Reader()
    reader.feed(data)
    with pytest.raises(BadMessage, match=why):
        reader.next()


def test_the_longest_frame_is_read() -> None:
    longest = wire.asks(
        wire.CALL, 1, class_=b"c" * 32767, block=b"h" * 32767, content=b"x" * wire.CONTENT_LIMIT
    )
    assert read(longest).raw == longest


def test_another_number_changes_nothing_else() -> None:
    assert wire.with_id(GOLDEN_REQUEST, 1) == patched(GOLDEN_REQUEST, 5, "00000001")
    assert wire.with_id(GOLDEN_ANSWER, -2) == patched(GOLDEN_ANSWER, 5, "fffffffe")


@pytest.mark.parametrize("frame", [GOLDEN_REQUEST, GOLDEN_ANSWER])
def test_a_header_block_can_be_taken_out_and_put_back(frame: bytes) -> None:
    assert wire.header_block(frame) == BLOCK
    longer = wire.with_header_block(frame, BLOCK * 2)
    assert wire.header_block(longer) == BLOCK * 2
    assert read(longer).raw == longer
    assert wire.with_header_block(longer, BLOCK) == frame


def test_the_length_of_a_frame_is_known_before_it_has_come() -> None:
    reader = wire.Reader()
    reader.feed(GOLDEN_REQUEST[:21])
    assert (reader.next(), reader.wanted) == (None, 0)
    reader.feed(GOLDEN_REQUEST[21:22])
    assert (reader.next(), reader.wanted) == (None, len(GOLDEN_REQUEST))
    reader.feed(GOLDEN_REQUEST[22:])
    assert reader.next() is not None
    assert reader.wanted == 0
