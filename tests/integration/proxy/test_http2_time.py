"""HTTP/2 peers that take too long, or too much at once; the clock is told, not waited for."""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from proxy.appetite import READ_RATE
from proxy.http2.downstream import Downstream
from proxy.http2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from proxy.http2.limits import RESETS, STALL_SECONDS
from tests.harness.wait import eventually_async
from tests.integration.proxy.http2_peers import (
    GET,
    Peer,
    Said,
    client,
    echo,
    head,
    http2_origin,
    to,
)
from tests.integration.proxy.http2_raw import Got, Raw, frame, headers, number, raw
from tests.integration.proxy.rig import QUICK, Stage, always, ok, origin, read_head, relay, run

SECONDS = 130
"""Of a clock that is told."""


async def _fact(fact: bool) -> bool:
    return fact


def _connection(stage: Stage) -> Downstream:
    (connection,) = stage.listener.callers
    assert isinstance(connection, Downstream)
    return connection


def _has_or_reset(caller: Raw, count: int, _got: Got) -> bool:
    return len(caller.content(1)) >= count or caller.reset(1)


def test_an_answer_that_nobody_takes_is_given_up() -> None:
    async def scene() -> None:
        async with (
            origin(always(ok(b"x" * 1000))) as port,
            relay(choice=to(port, protocol="http1"), speaks="http2") as stage,
            raw(stage) as caller,
        ):
            await caller.greet((4, 0))
            caller.say(headers(1))
            await caller.kind(HEADERS)
            stage.listener.sweep(monotonic())
            stage.listener.sweep(monotonic() + STALL_SECONDS - 5)
            assert await caller.alive()
            assert not any(got.kind == RST_STREAM for got in caller.got)
            stage.listener.sweep(monotonic() + STALL_SECONDS + 1)
            reset = await caller.kind(RST_STREAM)
            assert reset is not None
            assert reset.code == ErrorCodes.CANCEL

    run(scene())


@pytest.mark.parametrize(
    ("size", "each_second", "given_up"),
    [(1000, 1, True), (200_000, 1, True), (200_000, READ_RATE // 2, True),
     (200_000, READ_RATE * 2, False)],
)  # fmt: skip
def test_an_answer_that_is_taken_in_a_trickle_is_given_up(
    monkeypatch: pytest.MonkeyPatch, size: int, each_second: int, given_up: bool
) -> None:
    passed = 0.0
    monkeypatch.setattr("proxy.http2.downstream.monotonic", lambda: monotonic() + passed)

    async def scene() -> None:
        nonlocal passed
        async with (
            origin(always(ok(b"x" * size))) as port,
            relay(choice=to(port, protocol="http1"), speaks="http2") as stage,
            raw(stage) as caller,
        ):
            await caller.greet((4, 0))
            caller.say(headers(1))
            await caller.kind(HEADERS)
            stage.listener.sweep(monotonic())
            for second in range(1, SECONDS + 1):
                passed = float(second)
                more = number(each_second)
                caller.say(frame(WINDOW_UPDATE, 0, 0, more), frame(WINDOW_UPDATE, 0, 1, more))
                assert await caller.until(partial(_has_or_reset, caller, second * each_second))
                stage.listener.sweep(monotonic() + passed)
                assert await caller.alive()
                if caller.reset(1):
                    break
            assert caller.reset(1) == given_up

    run(scene())


@pytest.mark.parametrize(
    "part",
    [frame(HEADERS, 0, 1, b"\x82"), headers(1)[:12], b"\0\0"],
    ids=["a block", "a frame", "a frame's head"],
)
def test_what_is_begun_and_never_ended_ends_the_connection(part: bytes) -> None:
    async def scene() -> None:
        async with relay(choice=to(1), speaks="http2") as stage, raw(stage) as caller:
            await caller.greet()
            assert await caller.alive()
            caller.say(part)
            await eventually_async(lambda: _fact(_connection(stage).wire.is_within))
            stage.listener.sweep(monotonic() + QUICK.head_seconds + 1)
            await caller.ended()
            assert caller.goaways == [(ErrorCodes.ENHANCE_YOUR_CALM, 0)]

    run(scene())


def test_a_connection_without_requests_is_ended_politely() -> None:
    async def scene() -> None:
        async with relay(choice=to(1), speaks="http2") as stage, raw(stage) as caller:
            await caller.greet()
            assert await caller.alive()
            stage.listener.sweep(monotonic() + QUICK.idle_seconds + 1)
            await caller.ended()
            assert caller.goaways == [(ErrorCodes.NO_ERROR, 0)]

    run(scene())


def test_pings_keep_no_connection_open() -> None:
    async def scene() -> None:
        async with relay(choice=to(1), speaks="http2") as stage, raw(stage) as caller:
            await caller.greet()
            stage.listener.sweep(monotonic() + QUICK.idle_seconds - 1)
            assert await caller.alive()
            stage.listener.sweep(monotonic() + QUICK.idle_seconds + 1)
            await caller.ended()

    run(scene())


def test_an_upstream_that_does_not_answer_in_time_is_said_to_be_slow() -> None:
    async def silent(peer: Peer, _stream_id: int, _said: Said) -> None:
        await peer.ended()

    async def scene() -> None:
        async with (
            http2_origin(silent) as port,
            relay(choice=to(port), speaks="http2") as stage,
            client(stage) as caller,
        ):
            stream_id = caller.ask(head("POST"))
            await caller.pump(lambda: bool(stage.listener.callers))
            grpc_id = caller.ask(head("POST", "/", ("content-type", "application/grpc")))
            await eventually_async(lambda: _fact(len(_connection(stage).streams) == 2))
            stage.listener.sweep(monotonic() + 60)
            assert (await caller.over(stream_id)).status == 504
            said = await caller.over(grpc_id)
            assert (said.status, said.value("grpc-status")) == (200, b"4")

    run(scene())


def test_a_dead_upstream_is_found_by_a_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.http2.upstream.SILENCE_SECONDS", 0.05)
    pings: list[bytes] = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(SETTINGS) + frame(SETTINGS, ACK))
        heard = b""
        while data := await reader.read(65_536):
            heard += data
            pings.extend([b"ping"] * data.count(b"\0\0\x08\x06\0"))

    async def scene() -> None:
        async with (
            origin(deaf) as port,
            relay(choice=to(port), speaks="http2", seconds=30) as stage,
            client(stage) as caller,
        ):
            said = await caller.answer(head("POST"))
            assert (said.status, said.value("x-mesh-flag")) == (503, b"UC")
            assert pings == [b"ping"]

    run(scene())


def test_no_more_is_asked_of_a_peer_at_once_than_it_takes() -> None:
    most: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, client=False)
        peer.h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 2})
        peer.flush()
        answered: set[int] = set()
        while not peer.closed:
            await peer.step()
            asked = [n for n, said in peer.said.items() if said.ended and n not in answered]
            most.append(len(asked))
            for stream_id in asked:
                answered.add(stream_id)
                await echo(peer, stream_id, peer.said[stream_id])
                peer.flush()
                await asyncio.sleep(0)

    async def scene() -> None:
        async with (
            origin(serve) as port,
            relay(choice=(choice := to(port)), speaks="http2") as stage,
            client(stage) as caller,
        ):
            assert (await caller.answer(GET)).status == 200
            streams = [caller.ask(head("GET", f"/{n}")) for n in range(12)]
            for n, stream_id in enumerate(streams):
                said = await caller.over(stream_id)
                assert (said.status, said.value("x-path")) == (200, b"/%d" % n)
            assert max(most) <= 2
            assert choice.members[0].opened > 1

    run(scene())


def test_a_caller_that_cancels_half_of_what_it_asks_is_served_for_ever() -> None:
    async def scene() -> None:
        async with (
            origin(always(ok(b"ok"))) as port,
            relay(choice=to(port, protocol="http1"), speaks="http2") as stage,
            raw(stage) as caller,
        ):
            await caller.greet()
            for n in range(RESETS + 100):
                wanted, dropped = 1 + 4 * n, 3 + 4 * n
                cancel = frame(RST_STREAM, 0, dropped, number(8))
                caller.say(headers(wanted), headers(dropped), cancel)
                end = await caller.answer(wanted)
                assert end is not None
                assert end.kind == DATA
            assert await caller.alive()

    run(scene())


def test_an_upload_that_stops_is_told_so() -> None:
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        asked.set()
        await reader.read(-1)

    async def scene() -> None:
        async with (
            origin(serve) as port,
            relay(choice=to(port, protocol="http1"), speaks="http2") as stage,
            raw(stage) as caller,
        ):
            await caller.greet()
            caller.say(headers(1, head("POST"), END_HEADERS), frame(DATA, 0, 1, b"some"))
            await asked.wait()
            stage.listener.sweep(monotonic() + 60)
            assert await caller.answer(1) is not None
            assert b"did not come in time" in caller.content(1)
            assert not any(got.kind == GOAWAY for got in caller.got)
            assert not any(got.kind == PING and not got.flags & ACK for got in caller.got)

    run(scene())
