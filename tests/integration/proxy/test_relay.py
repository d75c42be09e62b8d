"""What passes through the relay arrives whole, once, and in this hop's own words."""

from __future__ import annotations

import asyncio
import socket

import pytest

from proxy.aio import spawn
from proxy.http1.downstream import Downstream
from proxy.settings import Limits
from tests.harness.wait import eventually_async
from tests.integration.proxy.rig import (
    LOOPBACK,
    always,
    body_of,
    ok,
    origin,
    read_answer,
    read_head,
    read_request,
    relay,
    run,
    status_of,
)

GET = "GET /x/1 HTTP/1.1\nHost: upstream"
GET_BYTES = b"GET /x/1 HTTP/1.1\r\nHost: upstream\r\n\r\n"


def test_two_requests_on_one_connection_share_one_upstream_connection() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await always(ok())(reader, writer)

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            for _ in range(2):
                writer.write(GET_BYTES)
                assert (await read_answer(reader))[1] == b"ok"
            writer.close()
        assert connections == 1

    run(scene())


def test_headers_of_this_hop_stay_here_and_framing_is_written_anew() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await read_request(reader))[0])
        writer.write(
            b"HTTP/1.1 200 Fine\r\nConnection: x-secret, keep-alive\r\nX-Secret: 1\r\n"
            b"X-Kept: 2\r\nKeep-Alive: timeout=5\r\nCONTENT-LENGTH:   2  \r\n\r\nok"
        )

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            answer = await stage.ask(
                "POST /a?b=c HTTP/1.1\nHost: upstream\nConnection: X-Drop\nX-Drop: 1\n"
                "TE: trailers\nX-Keep: 2\ncontent-Length:  3",
                b"abc",
            )
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head == (
                b"HTTP/1.1 200 Fine\r\nX-Kept: 2\r\ncontent-length: 2\r\nconnection: close"
            )
            assert body == b"ok"

    run(scene())
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"POST /a?b=c HTTP/1.1"
    assert b"content-length: 3" in lines
    assert b"X-Keep: 2" in lines
    assert not [line for line in lines if line.lower().startswith((b"x-drop", b"te:", b"conn"))]


def test_a_trace_is_passed_on_or_begun() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append((await read_request(reader))[0])
            writer.write(ok())

    given = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            await stage.ask(GET)
            await stage.ask(f"{GET}\n{given}")

    run(scene())
    assert heads[0].count(b"traceparent: 00-") == 1
    assert heads[1].count(b"traceparent") == 1
    assert given.encode() in heads[1]


def test_chunked_bodies_pass_both_ways_without_extensions_and_trailers() -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n")
        await writer.drain()
        writer.write(b"0004\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n")
        await writer.drain()

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            writer.write(
                b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5;x\r\nhe"
            )
            await writer.drain()
            writer.write(b"llo\r\n1\r\n!\r\n0\r\nT: 1\r\n\r\n")
            head, body = await read_answer(reader)
            assert body == b"abcdefg"
            assert b"transfer-encoding: chunked" in head
            writer.close()

    run(scene())
    assert seen[0][1] == b"hello!"
    assert b";x" not in seen[0][0]


def test_an_answer_that_ends_with_its_connection_is_chunked_for_the_caller() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nall of ")
        await writer.drain()
        writer.write(b"it")

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            answer = await stage.ask(GET)
            assert b"transfer-encoding: chunked" in answer
            assert answer.endswith(b"\r\n0\r\n\r\n")
            old = await stage.say(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            assert body_of(old) == b"all of it"
            assert b"chunked" not in old

    run(scene())


def test_http_1_0_callers_keep_their_connection_when_they_ask_to() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            for _ in range(2):
                writer.write(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
                head, body = await read_answer(reader)
                assert b"connection: keep-alive" in head
                assert body == b"ok"
            writer.close()

    run(scene())


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_answers_without_a_body_leave_both_connections_usable(method: str, answer: bytes) -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await always(answer)(reader, writer)

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            for _ in range(3):
                writer.write(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert status_of(await read_head(reader)) == status_of(answer)
            writer.close()
        assert connections == 1

    run(scene())


def test_pipelined_requests_are_answered_in_order() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            writer.write(ok(head.split(b" ")[1]))

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            many = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(3000))
            last = b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            answer = await stage.say(many + last)
            bodies = [part.rsplit(b"\r\n", 1)[-1] for part in answer.split(b"HTTP/1.1")][1:]
            assert bodies == [b"/%d" % n for n in range(3000)] + [b"/end"]

    run(scene())


def test_many_refused_pipelined_requests_do_not_pile_up_on_the_stack() -> None:
    async def scene() -> None:
        async with relay() as stage:
            many = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2000
            last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            answer = await stage.say(many + last)
            assert answer.count(b"HTTP/1.1 503") == 2001

    run(scene())


def test_expect_100_continue_is_the_upstreams_to_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        assert b"Expect: 100-continue" in head
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(3) == b"abc"
        writer.write(ok(b"thanks"))

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            writer.write(
                b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
            )
            assert status_of(await read_head(reader)) == 100
            writer.write(b"abc")
            assert (await read_answer(reader))[1] == b"thanks"
            writer.close()

    run(scene())


def test_an_early_answer_ends_the_connection_after_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await reader.read(-1)

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            answer = await stage.say(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbeginning"
            )
            assert status_of(answer) == 413
            assert b"connection: close" in answer
            assert body_of(answer) == b"no"

    run(scene())


def test_tunnels_to_anywhere_are_refused() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port) as stage:
            answer = await stage.ask("CONNECT a:1 HTTP/1.1\nHost: a:1")
            assert status_of(answer) == 501
            assert b"x-mesh-flag: DPE" in answer

    run(scene())


def test_a_slow_reader_holds_back_the_upstream() -> None:
    written = 0
    size = 64 * 1024 * 1024

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while written < size:
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            with socket.socket() as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                caller.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(caller, (LOOPBACK, stage.port))
                await loop.sock_sendall(caller, GET_BYTES)
                before = -1

                async def stalled() -> bool:
                    nonlocal before
                    before, now = written, written
                    await asyncio.sleep(0.2)
                    return 0 < now == written

                await eventually_async(stalled, timeout=10)
                assert written < size / 2
                (held,) = stage.listener.callers
                assert isinstance(held, Downstream)
                assert held.is_full
                assert held.transport.get_write_buffer_size() < 1024 * 1024
                got = 0
                while got < size:
                    got += len(await loop.sock_recv(caller, 1 << 20))
        assert written == size

    run(scene())


def test_a_slow_upstream_holds_back_the_caller() -> None:
    release = asyncio.Event()
    size = 64 * 1024 * 1024
    got = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        await read_head(reader)
        await release.wait()
        while got < size:
            got += len(await reader.read(1 << 20))
        writer.write(ok())
        await writer.drain()

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            sent = 0

            async def upload() -> None:
                nonlocal sent
                while sent < size:
                    writer.write(b"x" * 65536)
                    await writer.drain()
                    sent += 65536

            task = spawn(upload(), name="upload")

            async def stalled() -> bool:
                now = sent
                await asyncio.sleep(0.2)
                return 0 < now == sent

            await eventually_async(stalled, timeout=10)
            assert sent < size / 2
            release.set()
            assert (await read_answer(reader))[1] == b"ok"
            await task
            writer.close()
        assert got == size

    run(scene())


def test_a_caller_that_leaves_frees_the_upstream() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        assert await reader.read(-1) == b""
        gone.set()

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            _, writer = await stage.dial()
            writer.write(GET_BYTES)
            await eventually_async(lambda: _sent(stage.listener.members), timeout=5)
            writer.close()
            await asyncio.wait_for(gone.wait(), 5)
            (member,) = stage.listener.members()
            await eventually_async(lambda: _is(member.opened == 0), timeout=5)
            assert member.stats.in_flight == 0
            assert not member.stats.errors()["connect"]
            (edge,) = stage.listener.windows.drain()
            assert (edge.requests, edge.status, edge.errors) == (1, {}, {})

    async def _is(fact: bool) -> bool:
        return fact

    async def _sent(members: object) -> bool:
        return any(m.stats.in_flight for m in members())  # type: ignore[operator]

    run(scene())


def test_too_many_requests_for_one_endpoint_are_refused_not_queued() -> None:
    limits = Limits(pool_connections=1, pool_pending=1, drain_seconds=1.0)
    answer_now = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await answer_now.wait()
            writer.write(ok())

    async def scene() -> None:
        async with origin(serve) as port, relay(port, limits=limits) as stage:
            (member,) = stage.listener.members()
            first = spawn(stage.ask(GET), name="first")

            async def busy() -> bool:
                return member.opened == 1 and not member.waiting and member.stats.in_flight == 1

            await eventually_async(busy, timeout=5)
            second = spawn(stage.ask(GET), name="second")

            async def queued() -> bool:
                return member.waiting == 1

            await eventually_async(queued, timeout=5)
            third = await stage.ask(GET)
            assert status_of(third) == 503
            assert b"x-mesh-flag: UO" in third
            answer_now.set()
            assert status_of(await first) == status_of(await second) == 200
            assert member.opened == 1

    run(scene())


def test_windows_say_what_happened_on_the_edge() -> None:
    async def scene() -> None:
        async with origin(always(ok(b"12345"))) as port, relay(port) as stage:
            await stage.ask(GET)
            await stage.ask("POST /elsewhere HTTP/1.1\nHost: a\nContent-Length: 3", b"abc")
            edges = {edge.interface: edge for edge in stage.listener.windows.drain()}
            assert edges["GET /x/{y}"].requests == 1
            assert edges["GET /x/{y}"].bytes_out == 5
            assert edges["other"].bytes_in == 3
            assert edges["other"].status == {"2xx": 1}
            assert sum(edges["other"].latency) == 1
            (member,) = stage.listener.members()
            assert (member.stats.attempts, member.stats.answered) == (2, 2)

    run(scene())


def test_a_request_that_arrives_just_as_the_one_before_ends_is_its_own() -> None:
    """More bytes may come between an answer and the turn of what was already waiting."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            writer.write(ok(head.split(b" ")[1]))

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            writer.write(b"GET /0 HTTP/1.1\r\nHost: a\r\n\r\n")
            for turn in range(300):
                writer.write(b"GET /%d-a HTTP/1.1\r\nHost: a\r\n\r\n" % turn)
                assert status_of((await read_answer(reader))[0]) == 200
                writer.write(b"GET /%d-b HTTP/1.1\r\nHost: a\r\n\r\n" % turn)
                assert status_of((await read_answer(reader))[0]) == 200
            writer.close()

    run(scene())


def test_a_caller_that_sends_and_never_reads_is_not_answered_without_end() -> None:
    answered = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        while True:
            await read_request(reader)
            answered += 1
            writer.write(ok(b"x" * 60_000))

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            _, writer = await stage.dial()
            for _ in range(2000):
                writer.write(GET_BYTES * 10)

            async def stalled() -> bool:
                now = answered
                await asyncio.sleep(0.2)
                return 0 < now == answered

            await eventually_async(stalled, timeout=10)
            (held,) = stage.listener.callers
            assert isinstance(held, Downstream)
            assert held.transport.get_write_buffer_size() < 1024 * 1024
            writer.transport.abort()

    run(scene())


def test_trailers_of_an_answer_and_of_a_request_travel_but_not_those_that_frame_or_route() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        seen.append(await reader.readuntil(b"X-Sum: 1\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\nok\r\n0\r\nX-Sum: 9\r\nContent-Length: 4\r\nX-Mesh-Flag: UF\r\n\r\n"
        )

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            answer = await stage.ask(
                "POST /x/1 HTTP/1.1\nHost: upstream\nTransfer-Encoding: chunked",
                b"2\r\nhi\r\n0\r\nHost: evil\r\nX-Sum: 1\r\n\r\n",
            )
            assert answer.endswith(b"2\r\nok\r\n0\r\nX-Sum: 9\r\n\r\n")
            assert seen == [b"2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n"]

    run(scene())


WEBSOCKET = (
    b"GET /chat HTTP/1.1\r\nHost: upstream\r\nConnection: keep-alive, Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def test_a_websocket_passes_both_ways_until_one_side_ends_it() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await read_head(reader))
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello"
        )
        while data := await reader.read(100):
            writer.write(data.upper())
            if data == b"bye":
                return

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            writer.write(WEBSOCKET)
            head = await read_head(reader)
            assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
            assert b"connection: Upgrade\r\nupgrade: websocket\r\n" in head
            assert await reader.readexactly(5) == b"hello"
            for word in (b"one", b"two", b"bye"):
                writer.write(word)
                assert await reader.readexactly(3) == word.upper()
            assert await reader.read() == b""
            writer.close()
            assert b"connection: Upgrade\r\nupgrade: websocket\r\n" in heads[0]
            (member,) = stage.listener.members()
            assert member.stats.answered == 1
            assert member.stats.in_flight == 0

    run(scene())


def test_a_websocket_that_is_not_granted_is_an_ordinary_answer() -> None:
    async def scene() -> None:
        async with origin(always(ok(b"no"))) as port, relay(port) as stage:
            answer = await stage.say(WEBSOCKET)
            assert status_of(answer) == 200
            assert b"connection: close" in answer
            assert body_of(answer) == b"no"

    run(scene())
