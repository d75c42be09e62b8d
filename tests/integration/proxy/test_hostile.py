"""Requests that two readers could understand differently reach no upstream."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.proxy.rig import always, ok, origin, read_request, relay, run, status_of

HOST = b"Host: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

REFUSED = {
    "two lengths": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "the same length twice": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 1\r\n" * 2
    + b"\r\na",
    "a list of lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\na",
    "length and chunked": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 5\r\n"
    + CHUNKED
    + b"\r\n0\r\n\r\n",
    "chunked and length": b"POST / HTTP/1.1\r\n"
    + HOST
    + CHUNKED
    + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\n" + HOST + CHUNKED * 2 + b"\r\n0\r\n\r\n",
    "chunked, chunked": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "a tab in the coding": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na",
    "a length in hex": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\na",
    "a length with _": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1_0\r\n\r\na",
    "an empty length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: \r\n\r\na",
    "a huge length": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 99999999999999999999\r\n\r\na",
    "a length in other digits": b"POST / HTTP/1.1\r\n"
    + HOST
    + "Content-Length: ١\r\n\r\na".encode(),
    "a space before the colon": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 1\r\n\r\na",
    "a tab before the colon": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding\t: chunked\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n X: a\r\n" + HOST + b"\r\n",
    "a bare LF": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "only bare LFs": b"GET / HTTP/1.1\nHost: a\n\n",
    "a bare CR": b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "a NUL in a name": b"GET / HTTP/1.1\r\n" + HOST + b"X\x00: a\r\n\r\n",
    "a line without a colon": b"GET / HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n",
    "an empty name": b"GET / HTTP/1.1\r\n" + HOST + b": a\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\n" + HOST * 2 + b"\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "an empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "a Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a Host with a user": b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
    "a list of Hosts": b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "Host and target differ": b"GET http://b/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target with a space": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target with a fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target that is no path": b"GET a HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target in other letters": "GET /ä HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    "two spaces": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab for a space": b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /\r\n" + HOST + b"\r\n",
    "a lower-case version": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method with a slash": b"GE/T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "space after the version": b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n",
    "Connection names Host": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: host\r\n\r\n",
    "Connection names the length": b"POST / HTTP/1.1\r\n"
    + HOST
    + b"Connection: Content-Length\r\nContent-Length: 1\r\n\r\na",
    "Connection names no token": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: a b\r\n\r\n",
    "an unknown expectation": b"GET / HTTP/1.1\r\n" + HOST + b"Expect: more\r\n\r\n",
    "too many lines": b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 100 + b"\r\n",
    "a head too long": b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 17000 + b"\r\n\r\n",
    "a head without end": b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 17000,
    "two empty lines first": b"\r\n\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": bytes.fromhex("1603010200010001fc0303") + b"\x0a" * 40,
}

BROKEN_BODIES = {
    "a size that is no number": b"zz\r\n",
    "a signed size": b"+1\r\na\r\n0\r\n\r\n",
    "a size with 0x": b"0x1\r\na\r\n0\r\n\r\n",
    "a space before the size": b" 1\r\na\r\n0\r\n\r\n",
    "a space after the size": b"1 \r\na\r\n0\r\n\r\n",
    "an empty size": b"\r\na\r\n0\r\n\r\n",
    "a huge size": b"fffffffffffffffff\r\n",
    "a bare LF after the size": b"1\na\r\n0\r\n\r\n",
    "a bare CR in an extension": b"1;a\rb\r\na\r\n0\r\n\r\n",
    "a long extension": b"1;" + b"a" * 400 + b"\r\na\r\n0\r\n\r\n",
    "a chunk longer than it says": b"1\r\nab\r\n0\r\n\r\n",
    "a bare LF after a chunk": b"1\r\na\n0\r\n\r\n",
    "a broken trailer": b"0\r\nno colon\r\n\r\n",
    "a folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "a long trailer": b"0\r\nA: " + b"b" * 9000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_ambiguous_head_is_refused_and_its_connection_ends(name: str) -> None:
    seen = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await read_request(reader)
        seen += 1
        writer.write(ok())

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
            answer = await stage.say(REFUSED[name] + smuggled)
            assert 400 <= status_of(answer) <= 505
            assert answer.count(b"x-mesh-flag: DPE") == 1
            assert b"connection: close" in answer
            assert seen == 0

    run(scene())


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_a_broken_chunked_body_ends_both_connections(name: str) -> None:
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        try:
            await read_request(reader)
        except ValueError:
            return
        answered += 1
        writer.write(ok())

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            answer = await stage.say(head + b"2\r\nok\r\n" + BROKEN_BODIES[name])
            assert status_of(answer) in (400, 431)
            assert answer.count(b"x-mesh-flag: DPE") == 1
            assert answered == 0

    run(scene())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET http://a?b HTTP/1.1\r\nHost: A\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHOST:[::1]:80\r\nConnection: close, x\r\nX: \xc3\xa4\r\n\r\n",
        b"M-SEARCH / HTTP/1.1\r\nHost: a_b.c\r\nConnection:close\r\nEmpty:\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0002\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
        b'002;a="b"\r\nab\r\n00\r\n\r\n',
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AA\r\n\r\n",
    ],
)
def test_what_is_valid_but_rare_is_served(request_bytes: bytes) -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port) as stage:
            assert status_of(await stage.say(request_bytes)) == 200

    run(scene())


def test_heads_may_come_byte_by_byte() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port) as stage:
            head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            parts = [head[at : at + 1] for at in range(len(head))]
            assert status_of(await stage.say(*parts)) == 200

    run(scene())
