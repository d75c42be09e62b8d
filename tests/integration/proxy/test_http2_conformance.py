"""RFC 9113 and RFC 7541, case by case: what a caller says in frames, and what must come of it.

The cases are those of the h2spec list, by its numbers: generic (g), HTTP/2 (its sections), and
HPACK (h).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from h2.errors import ErrorCodes

from proxy.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from proxy.sniff import PREFACE
from tests.integration.proxy.http2_peers import GET, Fields, head, to
from tests.integration.proxy.http2_raw import Got, Raw, block, frame, headers, number, raw
from tests.integration.proxy.rig import always, ok, origin, relay, run

PRIORITISED = 0x20
PROTOCOL, FLOW = ErrorCodes.PROTOCOL_ERROR, ErrorCodes.FLOW_CONTROL_ERROR
CLOSED, SIZE = ErrorCodes.STREAM_CLOSED, ErrorCodes.FRAME_SIZE_ERROR
COMPRESSION = ErrorCodes.COMPRESSION_ERROR
REFUSED = ErrorCodes.REFUSED_STREAM
POST = head("POST")
BLOCK = block(GET)


def setting(key: int, value: int) -> bytes:
    """One setting."""
    return key.to_bytes(2, "big") + number(value)


def settings(*pairs: tuple[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(setting(*pair) for pair in pairs))


def opened(stream_id: int = 1, fields: Fields = POST) -> bytes:
    """A request whose content follows."""
    return headers(stream_id, fields, END_HEADERS)


def asked(*more: tuple[bytes, bytes], without: bytes = b"", stream_id: int = 1) -> bytes:
    """A GET with more fields, or one fewer."""
    return headers(stream_id, [field for field in GET if field[0] != without] + list(more))


def spelt(raw_fields: bytes) -> bytes:
    """A GET with these bytes at the end of its header block."""
    return frame(HEADERS, END_HEADERS | END_STREAM, 1, BLOCK + raw_fields)


def priority(stream_id: int, depends_on: int, weight: int = 15) -> bytes:
    """A PRIORITY frame."""
    return frame(PRIORITY, 0, stream_id, number(depends_on) + bytes((weight,)))


class Case(NamedTuple):
    """What is said after the greeting."""

    name: str
    said: tuple[bytes, ...]
    codes: tuple[ErrorCodes, ...] = ()
    """Errors of which one must end the stream or the connection."""


ANSWERED = [
    Case("g2.1 PRIORITY on an idle stream", (priority(1, 0), headers(1))),
    Case("g2.2 WINDOW_UPDATE half closed", (headers(1), frame(WINDOW_UPDATE, 0, 1, number(9)))),
    Case("g2.3 PRIORITY half closed", (headers(1), priority(1, 0))),
    Case("g3.1.1 DATA", (opened(), frame(DATA, END_STREAM, 1, b"test"))),
    Case("g3.1.2 DATA twice",
         (opened(), frame(DATA, 0, 1, b"t"), frame(DATA, END_STREAM, 1, b"t"))),
    Case("g3.1.3 DATA padded", (opened(), frame(DATA, END_STREAM | PADDED, 1, b"\2test\0\0"))),
    Case("g3.2.1 HEADERS", (headers(1),)),
    Case("g3.2.2 HEADERS padded",
         (frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\2" + BLOCK + b"\0\0"),)),
    Case("g3.2.3 HEADERS with priority",
         (frame(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 1, number(0) + b"\xff" + BLOCK),)),
    Case("g3.3.1 PRIORITY weight 1", (priority(1, 0, 0), headers(1))),
    Case("g3.3.2 PRIORITY weight 256", (priority(1, 0, 255), headers(1))),
    Case("g3.3.3 PRIORITY dependency", (priority(1, 3), headers(1))),
    Case("g3.3.4 PRIORITY exclusive", (priority(1, 0x80000003), headers(1))),
    Case("g3.3.5 PRIORITY of a higher idle stream", (priority(5, 0), headers(1))),
    Case("g3.5.1 SETTINGS", (settings((3, 100)), headers(1))),
    Case("g3.9.1 WINDOW_UPDATE of the connection",
         (frame(WINDOW_UPDATE, 0, 0, number(1)), headers(1))),
    Case("g3.9.2 WINDOW_UPDATE of a stream",
         (opened(), frame(WINDOW_UPDATE, 0, 1, number(1)), frame(DATA, END_STREAM, 1, b"x"))),
    Case("g3.10.1 CONTINUATION",
         (frame(HEADERS, END_STREAM, 1, BLOCK[:5]),
          frame(CONTINUATION, END_HEADERS, 1, BLOCK[5:]))),
    Case("g3.10.2 CONTINUATION twice",
         (frame(HEADERS, END_STREAM, 1, BLOCK[:5]), frame(CONTINUATION, 0, 1, BLOCK[5:9]),
          frame(CONTINUATION, END_HEADERS, 1, BLOCK[9:]))),
    Case("g4.1 GET", (headers(1),)),
    Case("g4.3 POST", (opened(), frame(DATA, END_STREAM, 1, b"test"))),
    Case("g4.4 POST with a trailer",
         (opened(), frame(DATA, 0, 1, b"test"), headers(1, [(b"x-test", b"ok")]))),
    Case("g5.1 indexed field", (spelt(b"\x90"),)),
    Case("g5.2 incremental, known name", (spelt(b"\x7a\x01x"),)),
    Case("g5.3 incremental, known name, Huffman", (spelt(b"\x7a\x83\xd5\xd7\x5f"),)),
    Case("g5.4 incremental, new name", (spelt(b"\x40\x01a\x01x"),)),
    Case("g5.5 incremental, new name, Huffman", (spelt(b"\x40\x81\x1f\x81\xf3"),)),
    Case("g5.6 without indexing, known name", (spelt(b"\x0f\x2b\x01x"),)),
    Case("g5.7 without indexing, known name, Huffman", (spelt(b"\x0f\x2b\x81\xf3"),)),
    Case("g5.8 without indexing, new name", (spelt(b"\x00\x01a\x01x"),)),
    Case("g5.9 without indexing, new name, Huffman", (spelt(b"\x00\x81\x1f\x81\xf3"),)),
    Case("g5.10 never indexed, known name", (spelt(b"\x1f\x2b\x01x"),)),
    Case("g5.11 never indexed, known name, Huffman", (spelt(b"\x1f\x2b\x81\xf3"),)),
    Case("g5.12 never indexed, new name", (spelt(b"\x10\x01a\x01x"),)),
    Case("g5.13 never indexed, new name, Huffman", (spelt(b"\x10\x81\x1f\x81\xf3"),)),
    Case("g5.14 table size update",
         (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x3f\x61" + BLOCK),)),
    Case("g5.15 table size updates",
         (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x20\x3f\x61" + BLOCK),)),
    Case("4.1.1 unknown kind of frame", (frame(0x16, 0, 0, b"12345678"), headers(1))),
    Case("4.1.2 undefined flags",
         (frame(PING, 0xFE, 0, b"12345678"), frame(HEADERS, 0xC5, 1, BLOCK))),
    Case("4.1.3 reserved bit", (frame(PING, 0, 0x80000000, b"12345678"), headers(1))),
    Case("4.2.1 DATA of 2^14 bytes", (opened(), frame(DATA, END_STREAM, 1, b"x" * 16_384))),
    Case("5.5.1 unknown extension frame", (frame(0x16, 0, 0, b"x"), headers(1))),
    Case("6.5.2.5 unknown setting", (settings((0xFF, 1)), headers(1))),
    Case("6.10.1 CONTINUATION frames",
         (frame(HEADERS, END_STREAM, 1, BLOCK[:3]), frame(CONTINUATION, 0, 1, BLOCK[3:6]),
          frame(CONTINUATION, END_HEADERS, 1, BLOCK[6:]))),
]  # fmt: skip

ALIVE = [
    Case("g2.4 RST_STREAM half closed", (headers(1), frame(RST_STREAM, 0, 1, number(8)))),
    Case("g3.4.1 RST_STREAM", (opened(), frame(RST_STREAM, 0, 1, number(8)))),
    Case("g3.7.1 PING", (frame(PING, 0, 0, b"01234567"),)),
    Case("5.1.1.0 streams may be skipped", (headers(7), headers(9))),
    Case("6.7.2 PING with ACK is not answered", (frame(PING, ACK, 0, b"01234567"),)),
    Case("7.2 RST_STREAM of an unknown error", (opened(), frame(RST_STREAM, 0, 1, number(0xFF)))),
    Case("5.1 WINDOW_UPDATE on a reset stream",
         (opened(), frame(RST_STREAM, 0, 1, number(8)), frame(WINDOW_UPDATE, 0, 1, number(1)))),
    Case("5.1 PRIORITY on a closed stream",
         (opened(), frame(RST_STREAM, 0, 1, number(8)), priority(1, 0))),
]  # fmt: skip

WRONG = [
    Case("4.2.2 DATA longer than allowed", (opened(), frame(DATA, 1, 1, b"x" * 16_385)), (SIZE,)),
    Case("4.2.3 HEADERS longer than allowed", (spelt(b"\0\1x\x7f\x80\x7f" + b"x" * 16_385),),
         (SIZE, )),
    Case("4.3.1 block that cannot be decoded",
         (frame(HEADERS, 5, 1, b"\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff"),), (COMPRESSION,)),
    Case("4.3.2 PRIORITY within a block",
         (frame(HEADERS, END_STREAM, 1, BLOCK), priority(1, 0)), (PROTOCOL,)),
    Case("4.3.3 HEADERS of another stream within a block",
         (frame(HEADERS, END_STREAM, 1, BLOCK), headers(3)), (PROTOCOL,)),
    Case("5.1.1 idle: DATA", (frame(DATA, END_STREAM, 1, b"x"),), (PROTOCOL,)),
    Case("5.1.2 idle: RST_STREAM", (frame(RST_STREAM, 0, 1, number(8)),), (PROTOCOL,)),
    Case("5.1.3 idle: WINDOW_UPDATE", (frame(WINDOW_UPDATE, 0, 1, number(1)),), (PROTOCOL,)),
    Case("5.1.4 idle: CONTINUATION", (frame(CONTINUATION, END_HEADERS, 1, BLOCK),), (PROTOCOL,)),
    Case("5.1.5 half closed: DATA", (headers(1), frame(DATA, 1, 1, b"x")), (CLOSED,)),
    Case("5.1.6 half closed: HEADERS", (headers(1), headers(1)), (CLOSED,)),
    Case("5.1.7 half closed: CONTINUATION",
         (headers(1), frame(CONTINUATION, END_HEADERS, 1, BLOCK)), (CLOSED, PROTOCOL)),
    Case("5.1.8 reset: DATA",
         (opened(), frame(RST_STREAM, 0, 1, number(8)), frame(DATA, 1, 1, b"x")), (CLOSED,)),
    Case("5.1.9 reset: HEADERS",
         (opened(), frame(RST_STREAM, 0, 1, number(8)), headers(1)), (CLOSED,)),
    Case("5.1.10 reset: CONTINUATION",
         (opened(), frame(RST_STREAM, 0, 1, number(8)), frame(CONTINUATION, 4, 1, BLOCK)),
         (CLOSED, PROTOCOL)),
    Case("5.1.1.1 even stream", (headers(2),), (PROTOCOL,)),
    Case("5.1.1.2 stream lower than the last", (headers(5), headers(3)), (PROTOCOL,)),
    Case("5.3.1.1 HEADERS that depend on themselves",
         (frame(HEADERS, 0x25, 1, number(1) + b"\xff" + BLOCK),), (PROTOCOL,)),
    Case("5.3.1.2 PRIORITY that depends on itself", (priority(1, 1),), (PROTOCOL,)),
    Case("5.4.1.1 invalid frame", (frame(PING, 0, 0, b"short"),), (SIZE,)),
    Case("5.5.2 extension frame within a block",
         (frame(HEADERS, END_STREAM, 1, BLOCK), frame(0x16, 0, 0, b"x")), (PROTOCOL,)),
    Case("6.1.1 DATA on stream 0", (frame(DATA, 1, 0, b"x"),), (PROTOCOL,)),
    Case("6.1.3 DATA padded too much", (opened(), frame(DATA, 9, 1, b"\6test")), (PROTOCOL,)),
    Case("6.2.3 HEADERS on stream 0", (headers(0),), (PROTOCOL,)),
    Case("6.2.4 HEADERS padded too much",
         (frame(HEADERS, 13, 1, bytes((len(BLOCK) + 1,)) + BLOCK),), (PROTOCOL,)),
    Case("6.3.1 PRIORITY on stream 0", (priority(0, 1),), (PROTOCOL,)),
    Case("6.3.2 PRIORITY of 4 bytes", (headers(1), frame(PRIORITY, 0, 1, b"1234")), (SIZE,)),
    Case("6.4.1 RST_STREAM on stream 0", (frame(RST_STREAM, 0, 0, number(8)),), (PROTOCOL,)),
    Case("6.4.3 RST_STREAM of 3 bytes", (opened(), frame(RST_STREAM, 0, 1, b"123")), (SIZE,)),
    Case("6.5.1 SETTINGS ACK with settings", (frame(SETTINGS, 1, 0, setting(3, 1)),), (SIZE,)),
    Case("6.5.2 SETTINGS on a stream", (frame(SETTINGS, 0, 1, setting(3, 1)),), (PROTOCOL,)),
    Case("6.5.3 SETTINGS of 3 bytes", (frame(SETTINGS, 0, 0, b"123"),), (SIZE,)),
    Case("6.5.2.1 ENABLE_PUSH 2", (settings((2, 2)),), (PROTOCOL,)),
    Case("6.5.2.2 INITIAL_WINDOW_SIZE too large", (settings((4, 1 << 31)),), (FLOW,)),
    Case("6.5.2.3 MAX_FRAME_SIZE too small", (settings((5, 16_383)),), (PROTOCOL,)),
    Case("6.5.2.4 MAX_FRAME_SIZE too large", (settings((5, 1 << 24)),), (PROTOCOL,)),
    Case("6.7.3 PING on a stream", (frame(PING, 0, 1, b"12345678"),), (PROTOCOL,)),
    Case("6.7.4 PING of 6 bytes", (frame(PING, 0, 0, b"123456"),), (SIZE,)),
    Case("6.8.1 GOAWAY on a stream", (frame(GOAWAY, 0, 1, number(0) * 2),), (PROTOCOL,)),
    Case("6.9.1 WINDOW_UPDATE by 0", (frame(WINDOW_UPDATE, 0, 0, number(0)),), (PROTOCOL,)),
    Case("6.9.2 WINDOW_UPDATE of a stream by 0",
         (opened(), frame(WINDOW_UPDATE, 0, 1, number(0))), (PROTOCOL,)),
    Case("6.9.3 WINDOW_UPDATE of 3 bytes", (frame(WINDOW_UPDATE, 0, 0, b"123"),), (SIZE,)),
    Case("6.9.1.2 the connection's window beyond 2^31-1",
         (frame(WINDOW_UPDATE, 0, 0, number((1 << 31) - 1)),) * 2, (FLOW,)),
    Case("6.9.1.3 a stream's window beyond 2^31-1",
         (opened(), *(frame(WINDOW_UPDATE, 0, 1, number((1 << 31) - 1)),) * 2), (FLOW,)),
    Case("6.9.2.3 a first window beyond 2^31-1", (settings((4, (1 << 31) + 5)),), (FLOW,)),
    Case("6.10.2 CONTINUATION followed by another frame",
         (frame(HEADERS, 1, 1, BLOCK[:3]), frame(CONTINUATION, 0, 1, BLOCK[3:]),
          frame(PING, 0, 0, b"12345678")), (PROTOCOL,)),
    Case("6.10.3 CONTINUATION on stream 0",
         (frame(HEADERS, 1, 1, BLOCK[:3]), frame(CONTINUATION, 4, 0, BLOCK[3:])), (PROTOCOL,)),
    Case("6.10.4 CONTINUATION after the end of a head",
         (opened(), frame(CONTINUATION, 4, 1, BLOCK)), (PROTOCOL,)),
    Case("6.10.5 CONTINUATION after the end of a head in CONTINUATION",
         (frame(HEADERS, 0, 1, BLOCK[:3]), frame(CONTINUATION, 4, 1, BLOCK[3:]),
          frame(CONTINUATION, 4, 1, BLOCK)), (PROTOCOL,)),
    Case("6.10.6 CONTINUATION after DATA",
         (opened(), frame(DATA, 0, 1, b"x"), frame(CONTINUATION, 4, 1, BLOCK)), (PROTOCOL,)),
    Case("8.1.1 a second head that does not end the stream",
         (opened(), frame(HEADERS, 4, 1, block([(b"x", b"y")]))), (PROTOCOL,)),
    Case("8.1.2.1 upper-case name", (asked((b"X-Test", b"ok")),), (PROTOCOL,)),
    Case("8.1.2.1.1 unknown pseudo-header", (asked((b":test", b"ok")),), (PROTOCOL,)),
    Case("8.1.2.1.2 an answer's pseudo-header", (asked((b":status", b"200")),), (PROTOCOL,)),
    Case("8.1.2.1.3 pseudo-header in a trailer",
         (opened(), headers(1, [(b":method", b"GET")])), (PROTOCOL,)),
    Case("8.1.2.1.4 pseudo-header after a field",
         (asked((b"x", b"y"), (b":path", b"/"), without=b":path"),), (PROTOCOL,)),
    Case("8.1.2.2.1 connection", (asked((b"connection", b"keep-alive")),), (PROTOCOL,)),
    Case("8.1.2.2.2 te", (asked((b"te", b"trailers, deflate;q=0.5")),), (PROTOCOL,)),
    Case("8.1.2.3.1 empty :path", (asked((b":path", b""), without=b":path"),), (PROTOCOL,)),
    Case("8.1.2.3.2 no :method", (asked(without=b":method"),), (PROTOCOL,)),
    Case("8.1.2.3.3 no :scheme", (asked(without=b":scheme"),), (PROTOCOL,)),
    Case("8.1.2.3.4 no :path", (asked(without=b":path"),), (PROTOCOL,)),
    Case("8.1.2.3.5 :method twice", (asked((b":method", b"GET")),), (PROTOCOL,)),
    Case("8.1.2.3.6 :scheme twice", (asked((b":scheme", b"http")),), (PROTOCOL,)),
    Case("8.1.2.3.7 :path twice", (asked((b":path", b"/")),), (PROTOCOL,)),
    Case("8.1.2.6.1 content longer than announced",
         (opened(1, [*POST, (b"content-length", b"1")]), frame(DATA, 1, 1, b"test")), (PROTOCOL,)),
    Case("8.1.2.6.2 contents longer than announced",
         (opened(1, [*POST, (b"content-length", b"1")]), frame(DATA, 0, 1, b"te"),
          frame(DATA, 1, 1, b"st")), (PROTOCOL, CLOSED)),
    Case("8.1.2.6.3 content shorter than announced",
         (opened(1, [*POST, (b"content-length", b"9")]), frame(DATA, 1, 1, b"test")), (PROTOCOL,)),
    Case("8.1.2.6.4 content announced that never comes",
         (asked((b"content-length", b"9")),), (PROTOCOL,)),
    Case("8.1.2.6.5 content cut short by a trailer",
         (opened(1, [*POST, (b"content-length", b"9")]), headers(1, [(b"x", b"y")])), (PROTOCOL,)),
    Case("8.2.1 PUSH_PROMISE", (frame(PUSH_PROMISE, 4, 1, number(2) + BLOCK),), (PROTOCOL,)),
    Case("h2.3.3.1 indexed field of no entry", (spelt(b"\xc6"),), (COMPRESSION,)),
    Case("h2.3.3.2 name of no entry", (spelt(b"\x7f\x07\x01x"),), (COMPRESSION,)),
    Case("h4.2.1 table size update at the end", (spelt(b"\x20"),), (COMPRESSION,)),
    Case("h5.2.1 Huffman padding of more than 7 bits", (spelt(b"\x40\x81\x1f\x83\x1f\xff\xff"),),
         (COMPRESSION,)),
    Case("h5.2.2 Huffman padding of zeros", (spelt(b"\x40\x81\x1f\x81\x18"),), (COMPRESSION,)),
    Case("h5.2.3 Huffman end of string", (spelt(b"\x40\x81\x1f\x84\xff\xff\xff\xff"),),
         (COMPRESSION,)),
    Case("h6.1.1 index 0", (spelt(b"\x80"),), (COMPRESSION,)),
    Case("h6.3.1 table larger than allowed",
         (frame(HEADERS, 5, 1, b"\x3f\xe1\xff\x03" + BLOCK),), (COMPRESSION,)),
]  # fmt: skip

Scene = Callable[[Raw], Awaitable[bool]]


def _ended_by(codes: tuple[ErrorCodes, ...]) -> Callable[[Got], bool]:
    return lambda got: got.kind in (RST_STREAM, GOAWAY) and got.code in codes


def _play(case: Case, check: Scene) -> None:
    async def scene() -> None:
        async with (
            origin(always(ok(b"fine"))) as port,
            relay(choice=to(port, protocol="http1"), speaks="http2") as stage,
            raw(stage) as caller,
        ):
            await caller.greet()
            caller.say(*case.said)
            fine = await check(caller)
            assert fine, [got for got in caller.got if got.kind != SETTINGS]

    run(scene())


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
def test_what_is_allowed_is_answered(case: Case) -> None:
    async def answered(caller: Raw) -> bool:
        end = await caller.answer(1)
        return end is not None and end.kind == DATA and caller.content(1) == b"fine"

    _play(case, answered)


@pytest.mark.parametrize("case", ALIVE, ids=lambda case: case.name)
def test_what_is_harmless_leaves_the_connection_alone(case: Case) -> None:
    async def alive(caller: Raw) -> bool:
        caller.say(headers(11))
        end = await caller.answer(11)
        return end is not None and end.kind == DATA and await caller.alive()

    _play(case, alive)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_what_is_wrong_ends_the_stream_or_the_connection_with_its_code(case: Case) -> None:
    async def ended(caller: Raw) -> bool:
        return await caller.until(_ended_by(case.codes)) is not None

    _play(case, ended)


def _with(scene_of: Scene) -> None:
    _play(Case("", ()), scene_of)


def test_3_5_1_the_server_greets_with_settings() -> None:
    async def greeted(caller: Raw) -> bool:
        return caller.got[0].kind == SETTINGS

    _with(greeted)


def test_3_5_2_what_is_no_preface_ends_the_connection() -> None:
    async def scene() -> None:
        async with relay(choice=to(1), speaks="http2") as stage, raw(stage) as caller:
            caller.say(b"INVALID CONNECTION PREFACE\r\n\r\n")
            await caller.ended()
            assert [code for code, _ in caller.goaways] == [PROTOCOL]

    run(scene())


def test_3_5_3_the_first_frame_must_be_settings() -> None:
    async def scene() -> None:
        async with relay(choice=to(1), speaks="http2") as stage, raw(stage) as caller:
            caller.say(PREFACE, headers(1))
            await caller.ended()
            assert [code for code, _ in caller.goaways] == [PROTOCOL]

    run(scene())


def test_g3_8_1_a_caller_that_goes_away_is_let_go() -> None:
    async def gone(caller: Raw) -> bool:
        caller.say(frame(GOAWAY, 0, 0, number(0) + number(0)))
        await caller.ended()
        return True

    _with(gone)


def test_7_1_an_unknown_error_in_goaway_is_let_go_too() -> None:
    async def gone(caller: Raw) -> bool:
        caller.say(frame(GOAWAY, 0, 0, number(0) + number(0xFF)))
        await caller.ended()
        return True

    _with(gone)


def test_g4_2_head_has_no_content() -> None:
    async def headed(caller: Raw) -> bool:
        caller.say(headers(1, head("HEAD")))
        end = await caller.answer(1)
        return end is not None and caller.content(1) == b""

    async def scene() -> None:
        async with (
            origin(always(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")) as port,
            relay(choice=to(port, protocol="http1"), speaks="http2") as stage,
            raw(stage) as caller,
        ):
            await caller.greet()
            assert await headed(caller)

    run(scene())


@pytest.mark.parametrize("late", [frame(DATA, 1, 1, b"x"), headers(1), frame(CONTINUATION, 4, 1)])
def test_5_1_11_to_13_frames_after_both_ends(late: bytes) -> None:
    async def closed(caller: Raw) -> bool:
        caller.say(headers(1))
        await caller.answer(1)
        caller.say(late)
        return await caller.until(_ended_by((CLOSED, PROTOCOL))) is not None

    _with(closed)


def test_5_1_2_streams_over_the_limit_are_refused() -> None:
    async def scene() -> None:
        async with (
            origin(always(ok(b"fine"))) as port,
            relay(choice=to(port, protocol="http1"), speaks="http2") as stage,
            raw(stage) as caller,
        ):
            await caller.greet()
            caller.say(*(opened(1 + 2 * n) for n in range(101)))
            assert await caller.until(_ended_by((REFUSED, PROTOCOL))) is not None
            assert await caller.alive()

    run(scene())


def test_6_5_3_2_settings_are_acknowledged() -> None:
    async def acknowledged(caller: Raw) -> bool:
        before = len(caller.got)
        caller.say(settings((4, 100)))
        await caller.until(lambda got: got.kind == SETTINGS and bool(got.flags & ACK))
        return len(caller.got) >= before

    _with(acknowledged)


def test_6_7_1_a_ping_comes_back_as_it_was() -> None:
    async def ponged(caller: Raw) -> bool:
        caller.say(frame(PING, 0, 0, b"h2spec!!"))
        pong = await caller.kind(PING)
        return pong is not None and (pong.flags, pong.payload) == (ACK, b"h2spec!!")

    _with(ponged)


def test_6_9_1_1_and_6_9_2_1_content_comes_by_the_byte_if_the_window_is_so() -> None:
    async def trickled(caller: Raw) -> bool:
        caller.say(settings((4, 1)), headers(1))
        first = await caller.kind(DATA)
        if first is None or first.payload != b"f":
            return False
        caller.say(settings((4, 3)))
        await caller.until(lambda _got: caller.content(1) == b"fin")
        caller.say(frame(WINDOW_UPDATE, 0, 1, number(1)))
        await caller.answer(1)
        return caller.content(1) == b"fine"

    _with(trickled)


def test_6_9_2_2_a_window_may_become_negative() -> None:
    async def negative(caller: Raw) -> bool:
        caller.say(settings((4, 3)), headers(1))
        await caller.until(lambda _got: caller.content(1) == b"fin")
        caller.say(settings((4, 2)), frame(WINDOW_UPDATE, 0, 1, number(1)))
        if not await caller.alive() or caller.content(1) != b"fin":
            return False
        caller.say(frame(WINDOW_UPDATE, 0, 1, number(1)))
        await caller.answer(1)
        return caller.content(1) == b"fine"

    _with(negative)


def test_6_5_3_1_of_several_values_the_last_counts() -> None:
    async def last(caller: Raw) -> bool:
        caller.say(settings((4, 100), (4, 1)), headers(1))
        first = await caller.kind(DATA)
        return first is not None and first.payload == b"f"

    _with(last)
