"""TCP sessions through a listener: bytes, ends, resets, patience and what is counted of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import cast

import msgspec
import pytest

from proxy.assembly import fixed
from proxy.current import Choice
from proxy.settings import Limits
from proxy.tcp.session import Session
from tests.integration.proxy.processes import free_port
from tests.integration.proxy.rig import (
    LOOPBACK,
    QUICK,
    Stage,
    ok,
    origin,
    read_head,
    relay,
    reset,
    run,
    until,
)

MEGABYTES = 8 * 1024 * 1024
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 at your service\r\n")
    await echo(reader, writer)


def sessions(stage: Stage) -> list[Session]:
    return [caller for caller in stage.listener.callers if isinstance(caller, Session)]


async def is_over(stage: Stage) -> None:
    """The stage has no caller left, and nothing counted as in flight."""
    await until(lambda: not stage.listener.callers)
    for member in stage.listener.members():
        assert member.stats.in_flight == 0
        assert member.opened == 0
    assert stage.listener.admission.in_flight == 0


def only_edge(stage: Stage) -> dict[str, object]:
    (edge,) = stage.listener.windows.drain()
    return {
        "interface": edge.interface, "requests": edge.requests, "errors": edge.errors,
        "in": edge.bytes_in, "out": edge.bytes_out,
    }  # fmt: skip


def test_bytes_pass_both_ways_and_are_counted() -> None:
    async def scene() -> None:
        async with origin(echo) as port, relay(port, speaks="tcp") as stage:
            assert await stage_echo(stage, b"\x00\x01 anything \xff") == b"\x00\x01 anything \xff"
            await is_over(stage)
            (member,) = stage.listener.members()
            assert (member.stats.attempts, member.stats.answered) == (1, 1)
            assert only_edge(stage) == {
                "interface": "tcp", "requests": 1, "errors": {}, "in": 13, "out": 13,
            }  # fmt: skip

    run(scene())


async def stage_echo(stage: Stage, data: bytes) -> bytes:
    reader, writer = await stage.dial()
    writer.write(data)
    writer.write_eof()
    answer = await reader.read(-1)
    writer.close()
    return answer


def test_a_server_may_speak_first() -> None:
    async def scene() -> None:
        async with origin(greet) as port, relay(port, speaks="tcp") as stage:
            reader, writer = await stage.dial()
            assert await reader.readline() == b"220 at your service\r\n"
            writer.write(b"QUIT\r\n")
            assert await reader.readline() == b"QUIT\r\n"
            writer.close()

    run(scene())


def test_many_sessions_carry_much_both_ways_at_once() -> None:
    async def scene() -> None:
        async with origin(echo) as port, relay(port, speaks="tcp") as stage:
            body = bytes(range(256)) * 4096

            async def one() -> None:
                reader, writer = await stage.dial()

                async def write() -> None:
                    for _ in range(4):
                        writer.write(body)
                        await writer.drain()
                    writer.write_eof()

                writing = asyncio.ensure_future(write())
                assert await reader.read(-1) == body * 4
                await writing
                writer.close()

            await asyncio.gather(*(one() for _ in range(8)))
            await is_over(stage)

    run(scene())


def test_the_caller_may_end_its_way_and_still_be_answered() -> None:
    async def answer_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"heard: " + await reader.read(-1))

    async def scene() -> None:
        async with origin(answer_at_the_end) as port, relay(port, speaks="tcp") as stage:
            assert await stage_echo(stage, b"all of it") == b"heard: all of it"

    run(scene())


def test_the_endpoint_may_end_its_way_and_still_hear() -> None:
    heard: list[bytes] = []

    async def end_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.write_eof()
        heard.append(await reader.read(-1))

    async def scene() -> None:
        async with origin(end_first) as port, relay(port, speaks="tcp") as stage:
            reader, writer = await stage.dial()
            assert await reader.read(-1) == b"bye"
            writer.write(b"one more thing")
            writer.close()
            await is_over(stage)
            await until(lambda: heard == [b"one more thing"])

    run(scene())


def test_a_reset_by_the_caller_reaches_the_endpoint_as_a_reset() -> None:
    ended: list[BaseException] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"go on")
        try:
            while await reader.read(100):
                pass
        except ConnectionResetError as error:
            ended.append(error)

    async def scene() -> None:
        async with origin(serve) as port, relay(port, speaks="tcp") as stage:
            reader, writer = await stage.dial()
            assert await reader.readexactly(5) == b"go on"
            reset(writer)
            await until(lambda: ended)
            await is_over(stage)
            assert stage.ear.heard == []

    run(scene())


@pytest.mark.parametrize("said", [b"", b"half an ans"])
def test_a_reset_by_the_endpoint_reaches_the_caller_as_a_reset(said: bytes) -> None:
    """Before its first byte it is a failure of the endpoint, and whoever watches it hears so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(said)
        await writer.drain()
        await reader.readexactly(3)
        reset(writer)

    async def scene() -> None:
        async with origin(serve) as port, relay(port, speaks="tcp") as stage:
            reader, writer = await stage.dial()
            writer.write(b"ask")
            assert await reader.readexactly(len(said)) == said
            writer.write(b"ask")
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            await is_over(stage)
            (member,) = stage.listener.members()
            failed = 0 if said else 1
            assert (member.stats.answered, member.stats.connect) == (1 - failed, failed)
            assert len(stage.ear.heard) == failed

    run(scene())


def test_a_reset_at_every_byte_of_an_exchange_is_never_taken_for_its_end() -> None:
    """Whichever side is killed after whichever byte: what comes is a prefix, then a reset."""
    question, answer = b"0123456789", b"abcdefghij"

    async def scene(asked: int, told: int) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(asked)
            writer.write(answer[:told])
            await writer.drain()
            await reader.readexactly(1)
            reset(writer)

        async with origin(serve) as port, relay(port, speaks="tcp") as stage:
            reader, writer = await stage.dial()
            writer.write(question[:asked])
            got = await reader.readexactly(told)
            assert got == answer[:told]
            writer.write(b"!")
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            await is_over(stage)

    async def all_of_them() -> None:
        for at in range(11):
            await scene(at, 10)
            await scene(10, at)

    run(all_of_them())


def test_a_failed_dial_tries_another_member_and_keeps_what_was_said() -> None:
    async def scene() -> None:
        async with (
            origin(echo) as port,
            relay(free_port(), free_port(), port, speaks="tcp") as stage,
        ):
            for n in range(6):
                assert await stage_echo(stage, b"%d" % n) == b"%d" % n
            await is_over(stage)
            assert {heard.error for heard in stage.ear.heard} == {"connect"}
            assert {heard.interface for heard in stage.ear.heard} == {"tcp"}

    run(scene())


def test_when_nobody_can_be_reached_the_caller_is_reset() -> None:
    async def scene() -> None:
        async with relay(free_port(), speaks="tcp") as stage:
            reader, writer = await stage.dial()
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            await is_over(stage)
            assert stage.listener.refusals == {"UF": 1}
            assert only_edge(stage)["errors"] == {"connect": 1}

    run(scene())


def test_who_comes_to_a_service_without_endpoints_is_reset() -> None:
    async def scene() -> None:
        async with relay(choice=nobody(), speaks="tcp") as stage:
            reader, writer = await stage.dial()
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            assert stage.listener.refusals == {"UH": 1}

    run(scene())


def nobody() -> Choice:
    return fixed("upstream", ())


def test_a_session_that_is_silent_for_too_long_ends() -> None:
    limits = msgspec.structs.replace(QUICK, tunnel_seconds=0.4)

    async def scene() -> None:
        async with origin(greet) as port, relay(port, speaks="tcp", limits=limits) as stage:
            reader, writer = await stage.dial()
            assert await reader.readline()
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()
            await is_over(stage)

    run(scene())


def test_a_slow_reader_holds_its_writer_up_and_nothing_is_heaped() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(MEGABYTES // 65536):
            writer.write(bytes(65536))
            await writer.drain()
        writer.write_eof()
        await reader.read(-1)

    async def scene() -> None:
        async with origin(pour) as port, relay(port, speaks="tcp") as stage:
            reader, writer = await stage.dial()
            held = cast("asyncio.Transport", writer.transport)
            held.pause_reading()
            await until(lambda: any(caller.is_full for caller in sessions(stage)))
            (session,) = sessions(stage)
            assert session.near.get_write_buffer_size() < 512 * 1024
            assert session.bytes_out < MEGABYTES
            held.resume_reading()
            assert len(await reader.read(-1)) == MEGABYTES
            writer.close()
            await is_over(stage)

    run(scene())


def test_a_caller_that_leaves_while_its_endpoint_is_dialled_leaves_nothing() -> None:
    async def scene() -> None:
        full = socket.create_server((LOOPBACK, 0), backlog=0)
        fillers = [await asyncio.open_connection(*full.getsockname()[:2]) for _ in range(1)]
        port = full.getsockname()[1]
        try:
            async with relay(port, speaks="tcp") as stage:
                for _ in range(3):
                    _, writer = await stage.dial()
                    reset(writer)
                await is_over(stage)
        finally:
            for _, filler in fillers:
                filler.close()
            full.close()

    run(scene())


def test_sessions_are_given_the_time_to_end_then_cut_and_counted() -> None:
    limits = Limits(drain_seconds=0.3)

    async def scene() -> None:
        async with origin(greet) as port, relay(port, speaks="tcp", limits=limits) as stage:
            reader, writer = await stage.dial()
            await reader.readline()
            draining = asyncio.ensure_future(stage.server.drain())
            writer.write(b"still here\n")
            assert await reader.readline() == b"still here\n"
            assert await draining == 1
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
            writer.close()
            await is_over(stage)

    run(scene())


def test_auto_tells_http_from_everything_else() -> None:
    async def either(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(3)
        if first == b"GET":
            await read_head(reader)
            writer.write(ok(b"a page"))
        else:
            writer.write(first)
            await echo(reader, writer)

    async def scene() -> None:
        async with origin(either) as port, relay(port, speaks="auto") as stage:
            assert (await stage.ask("GET / HTTP/1.1\nHost: a")).endswith(b"a page")
            assert await stage_echo(stage, b"\x16\x03\x01 opaque") == b"\x16\x03\x01 opaque"
            assert await stage_echo(stage, b"*1\r\n$4\r\nPING\r\n") == b"*1\r\n$4\r\nPING\r\n"

    run(scene())


def test_more_sessions_than_an_endpoint_may_have_are_refused() -> None:
    limits = msgspec.structs.replace(QUICK, pool_connections=1)

    async def scene() -> None:
        async with origin(greet) as port, relay(port, speaks="tcp", limits=limits) as stage:
            reader, writer = await stage.dial()
            await reader.readline()
            other, second = await stage.dial()
            with pytest.raises(ConnectionResetError):
                await other.readexactly(1)
            second.close()
            writer.close()
            assert stage.listener.refusals == {"UO": 1}
            await is_over(stage)

    run(scene())
