"""What breaks is said, never hidden; nothing that may have been done is done twice."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from proxy.settings import Limits
from tests.harness.wait import eventually_async
from tests.integration.proxy.rig import (
    LOOPBACK,
    QUICK,
    Stage,
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
POST = b"POST /x HTTP/1.1\r\nHost: upstream\r\nContent-Length: 2\r\n\r\nhi"


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def test_an_endpoint_that_refuses_is_passed_over_whatever_the_method() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(_closed_port(), port) as stage:
            for _ in range(6):
                assert status_of(await stage.ask(GET)) == 200
                assert (
                    status_of(await stage.say(POST.replace(b"Host", b"Connection: close\r\nHost")))
                    == 200
                )
            heard = {(one.error, one.endpoint.addr) for one in stage.ear.heard}
            dead, live = stage.listener.members()
            assert heard == {("connect", dead.endpoint.addr)}
            assert stage.ear.heard[0].detail == "Connection refused"
            assert dead.stats.errors()["connect"] == len(stage.ear.heard)
            assert live.stats.answered == 12
            assert dead.stats.in_flight == live.stats.in_flight == 0
            assert all(not edge.errors for edge in stage.listener.windows.drain())

    run(scene())


def test_when_nobody_can_be_reached_the_caller_is_told() -> None:
    async def scene() -> None:
        async with relay(*(_closed_port() for _ in range(4))) as stage:
            answer = await stage.ask(GET)
            assert status_of(answer) == 503
            assert b"x-mesh-flag: URX" in answer
            assert len(stage.ear.heard) == 3
            (edge,) = stage.listener.windows.drain()
            assert edge.errors == {"connect": 1}
            assert edge.status == {"5xx": 1}

    run(scene())


UNREACHED = b"HTTP/1.1 503 Service Unavailable\r\nx-mesh-flag: UF\r\nContent-Length: 4\r\n\r\nno.\n"


def test_an_endpoint_whose_application_is_down_counts_as_unreached_and_another_is_asked() -> None:
    async def scene() -> None:
        async with (
            origin(always(ok())) as port,
            origin(always(UNREACHED)) as down,
            relay(down, port) as stage,
        ):
            for _ in range(6):
                assert status_of(await stage.ask(GET)) == 200
            dead, live = stage.listener.members()
            assert {(one.error, one.endpoint.addr) for one in stage.ear.heard} == {
                ("connect", dead.endpoint.addr)
            }
            assert dead.stats.answered == 0
            assert live.stats.answered == 6
            assert dead.stats.in_flight == live.stats.in_flight == 0

    run(scene())


def test_a_body_that_is_gone_is_not_asked_for_again_and_the_flag_is_told() -> None:
    async def scene() -> None:
        async with (
            origin(always(ok())) as port,
            origin(always(UNREACHED)) as down,
            relay(down, port) as stage,
        ):
            closing = POST.replace(b"Host", b"Connection: close\r\nHost")
            answers = sorted([await stage.say(closing) for _ in range(2)])
            assert [status_of(answer) for answer in answers] == [200, 503]
            assert [b"x-mesh-flag: UF" in answer for answer in answers] == [False, True]
            assert [one.error for one in stage.ear.heard] == ["connect"]

    run(scene())


def test_no_endpoint_at_all_is_another_answer() -> None:
    async def scene() -> None:
        async with relay() as stage:
            assert b"x-mesh-flag: UH" in await stage.ask(GET)

    run(scene())


class _ClosesOnSecond:
    """Answers the first request of a connection, reads the second and hangs up."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.seen.append((await read_request(reader))[0].split(b" ")[0])
        writer.write(ok())
        await writer.drain()
        self.seen.append((await read_request(reader))[0].split(b" ")[0])


async def _twice(stage: Stage, second: bytes) -> bytes:
    reader, writer = await stage.dial()
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await read_answer(reader)
    writer.write(second)
    head, _ = await read_answer(reader)
    writer.close()
    return head


def test_a_get_is_repeated_when_a_kept_connection_ends_under_it() -> None:
    serve = _ClosesOnSecond()

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            assert status_of(await _twice(stage, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")) == 200
            assert stage.ear.heard == []
            assert serve.seen == [b"GET"] * 3
            (member,) = stage.listener.members()
            assert member.stats.in_flight == 0

    run(scene())


@pytest.mark.parametrize(
    "request_bytes",
    [
        POST,
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        b"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_what_may_have_been_done_is_never_repeated(request_bytes: bytes) -> None:
    serve = _ClosesOnSecond()

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            head = await _twice(stage, request_bytes)
            assert status_of(head) == 503
            assert b"x-mesh-flag: UC" in head
            assert serve.seen == [b"GET", request_bytes.split(b" ")[0]]
            assert [one.error for one in stage.ear.heard] == ["connect"]

    run(scene())


def test_a_post_takes_no_connection_that_its_upstream_has_closed() -> None:
    closed = asyncio.Event()
    posts = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal posts
        head, _ = await read_request(reader)
        posts += head.startswith(b"POST")
        writer.write(ok())
        await writer.drain()
        if head.startswith(b"GET"):
            writer.write_eof()
            closed.set()
            await reader.read(-1)

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            for turn in range(1, 21):
                closed.clear()
                reader, writer = await stage.dial()
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                await read_answer(reader)
                await closed.wait()
                writer.write(POST)
                assert status_of((await read_answer(reader))[0]) == 200
                writer.close()
                assert posts == turn

    run(scene())


@pytest.mark.parametrize(
    "cut",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_truncated_answer_never_looks_whole(cut: bytes, version: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(cut)
        await writer.drain()

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            try:
                answer = await stage.say(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
            except ConnectionResetError:
                answer = b""
            else:
                assert version == b"1.1"
            assert not answer.endswith(b"0\r\n\r\n")
            assert b"half" not in answer or b"content-length: 10" in answer or b"chunked" in answer
            assert [one.error for one in stage.ear.heard] == ["protocol"]

    run(scene())


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
        b"HTTP/1.1 100 Go on\r\n\r\n" * 20 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000,
    ],
)
def test_an_answer_that_is_not_http_becomes_502(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer)
        await writer.drain()
        await reader.read(-1)

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            told = await stage.say(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
            assert status_of(told) == 502
            assert b"x-mesh-flag: UPE" in told
            assert [one.error for one in stage.ear.heard] == ["protocol"]
            (member,) = stage.listener.members()
            assert member.idle == 0

    run(scene())


def test_bytes_after_an_answer_end_the_connection_and_reach_nobody() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ok(b"one") + ok(b"poison"))
        await writer.drain()
        await reader.read(-1)

    async def scene() -> None:
        async with origin(serve) as port, relay(port) as stage:
            for _ in range(3):
                assert body_of(await stage.ask(GET)) == b"one"

    run(scene())


def test_an_upstream_that_does_not_answer_in_time_becomes_504() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async def scene() -> None:
        async with origin(serve) as port, relay(port, seconds=0.3) as stage:
            answer = await stage.ask(GET)
            assert status_of(answer) == 504
            assert b"x-mesh-flag: UT" in answer
            assert [one.error for one in stage.ear.heard] == ["timeout"]
            assert stage.ear.heard[0].interface == "GET /x/{y}"
            (edge,) = stage.listener.windows.drain()
            assert edge.errors == {"timeout": 1}

    run(scene())


def test_a_caller_that_never_ends_its_body_is_told_that_it_was_slow() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async def scene() -> None:
        async with origin(serve) as port, relay(port, seconds=0.3) as stage:
            answer = await stage.say(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nonly this"
            )
            assert status_of(answer) == 408
            assert stage.ear.heard == []

    run(scene())


def test_a_head_that_never_ends_is_told_so_and_an_idle_connection_is_closed() -> None:
    limits = Limits(head_seconds=0.3, idle_seconds=0.5, linger_seconds=0.3, drain_seconds=1.0)

    async def scene() -> None:
        async with relay(limits=limits) as stage:
            assert status_of(await stage.say(b"GET / HT")) == 408
            assert await stage.say() == b""
            assert stage.listener.refusals == {"SI": 1}

    run(scene())


def test_more_connections_than_allowed_are_closed_at_once() -> None:
    limits = Limits(connections=1, drain_seconds=1.0)

    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port, limits=limits) as stage:
            reader, writer = await stage.dial()
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await read_answer(reader)
            with contextlib.suppress(ConnectionError):
                assert await stage.ask(GET) == b""
            assert stage.listener.turned_away == 1
            writer.close()

    run(scene())


def test_idle_connections_to_an_upstream_close_after_the_time_it_hinted() -> None:
    async def scene() -> None:
        hinted = ok(b"ok", "Keep-Alive: timeout=1")
        async with origin(always(hinted)) as port, relay(port, limits=QUICK) as stage:
            await stage.ask(GET)
            (member,) = stage.listener.members()
            assert member.opened == 1

            async def closed() -> bool:
                return member.opened == 0

            await eventually_async(closed, timeout=5)

    run(scene())
