"""While a listener drains, nobody who has just spoken is turned away."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

from proxy.http1.upstream import UNSAFE_IDLE_SECONDS
from tests.integration.proxy.rig import (
    LOOPBACK,
    Stage,
    always,
    body_of,
    ok,
    origin,
    read_answer,
    read_request,
    relay,
    run,
)

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def _sweep_later(stage: Stage, seconds: float = 5.0) -> None:
    """What the clock does once so many seconds have passed."""
    for caller in list(stage.listener.callers):
        caller.sweep(monotonic() + seconds, True)


async def _callers(stage: Stage, count: int) -> None:
    async with asyncio.timeout(10):
        while len(stage.listener.callers) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_request_that_comes_as_its_quiet_connection_is_to_be_closed_is_answered() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port, speaks="auto") as stage:
            with socket.create_connection((LOOPBACK, stage.port)) as early:
                early.setblocking(False)
                await _callers(stage, 1)
                stage.server.start_draining()
                early.send(GET)  # it is in the kernel, and not read yet
                _sweep_later(stage)
                answer = await asyncio.get_running_loop().sock_recv(early, 1000)
                assert body_of(answer) == b"ok"
                assert b"connection: close" in answer.lower()

    run(scene())


def test_a_kept_connection_is_closed_once_it_is_quiet_and_not_while_it_speaks() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port) as stage:
            with socket.create_connection((LOOPBACK, stage.port)) as kept:
                kept.setblocking(False)
                loop = asyncio.get_running_loop()
                kept.send(GET)
                assert b"connection: close" not in (await loop.sock_recv(kept, 1000)).lower()
                stage.server.start_draining()
                kept.send(GET)
                _sweep_later(stage)
                assert b"connection: close" in (await loop.sock_recv(kept, 1000)).lower()
                assert await loop.sock_recv(kept, 1000) == b""

    run(scene())


def test_who_has_nothing_to_say_is_left_after_a_while_in_either_state() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port, speaks="auto") as stage:
            silent, other = await stage.dial()
            kept, writer = await stage.dial()
            writer.write(GET)
            await read_answer(kept)
            await _callers(stage, 2)
            stage.server.start_draining()
            _sweep_later(stage)
            async with asyncio.timeout(10):
                assert await silent.read() == b""
                assert await kept.read() == b""
            writer.close()
            other.close()

    run(scene())


def test_a_connection_on_which_a_pool_may_still_send_what_cannot_be_sent_again_stays_open() -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port) as stage:
            kept, writer = await stage.dial()
            writer.write(GET)
            await read_answer(kept)
            stage.server.start_draining()
            _sweep_later(stage, UNSAFE_IDLE_SECONDS + 0.5)
            writer.write(GET)
            head, _ = await read_answer(kept)
            assert b"connection: close" in head.lower()
            writer.close()

    run(scene())


def test_requests_that_are_here_already_are_all_answered_and_the_last_says_close() -> None:
    async def scene() -> None:
        gate = asyncio.Event()

        async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            await always(ok())(reader, writer)

        async with origin(slowly) as port, relay(port) as stage:
            reader, writer = await stage.dial()
            writer.write(3 * GET)
            await _callers(stage, 1)
            async with asyncio.timeout(10):
                while not stage.listener.admission.in_flight:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            stage.server.start_draining()
            gate.set()
            async with asyncio.timeout(10):
                said = await reader.read()
            writer.close()
            assert said.count(b"HTTP/1.1 200") == 3
            assert said.lower().count(b"connection: close") == 1
            assert said.lower().rfind(b"connection: close") > said.rfind(b"HTTP/1.1 200")

    run(scene())


def test_what_outlives_the_drain_is_counted_as_cut_on_both_sides_and_nothing_else_is() -> None:
    async def scene() -> None:
        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(-1)

        async with origin(never) as port, relay(port, speaks="auto") as stage:
            asking, speaking = await stage.dial()
            silent, idle = await stage.dial()
            speaking.write(GET)
            async with asyncio.timeout(10):
                while not stage.listener.admission.in_flight:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert await stage.server.drain(0.05) >= 1
            for ledger in (stage.listener.ledger, stage.listener.pools.ledger):
                assert ledger is not None
                (row,) = ledger.told().edges
                assert (row.started, row.cut, row.in_flight) == (1, 1, 0)
                assert (row.completed, row.failed, row.cancelled) == (0, 0, 0)
            speaking.close()
            idle.close()
            del asking, silent

    run(scene())


def test_a_caller_that_leaves_has_cancelled_and_an_endpoint_that_goes_has_failed() -> None:
    async def scene() -> None:
        async def goes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head, _ = await read_request(reader)
            if b"POST" in head:
                writer.close()
            await reader.read(-1)

        async with origin(goes) as port, relay(port) as stage:
            ledger = stage.listener.pools.ledger
            assert b"503" in await stage.ask("POST / HTTP/1.1\nHost: h\nContent-Length: 0")
            _, leaving = await stage.dial()
            leaving.write(GET)
            async with asyncio.timeout(10):
                while not stage.listener.admission.in_flight:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            leaving.transport.abort()
            async with asyncio.timeout(10):
                while stage.listener.admission.in_flight:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            (row,) = ledger.told().edges
            assert (row.started, row.failed, row.cancelled, row.cut) == (2, 1, 1, 0)

    run(scene())
