"""Floods, bombs and stalls by HTTP/2: each ends soon, costs little, and hurts nobody else.

The proxy is a process of its own, so that its memory can be read; what is counted is frames.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import hpack
import pytest
import uvloop
from h2.errors import ErrorCodes

from proxy.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from tests.integration.proxy.http2_peers import GET, Peer, head
from tests.integration.proxy.http2_raw import Got, Raw, frame, headers, number
from tests.integration.proxy.processes import Running, alone
from tests.integration.proxy.rig import LOOPBACK, ok, origin

CALM = ErrorCodes.ENHANCE_YOUR_CALM
FRAMES = 20_000
"""Frames of one attack; sixteen times as many as any may last."""
ENDED_WITHIN = 1_200
"""Frames after which an attack by resets is over."""
GROWTH = 8 << 20
"""Bytes of memory that an attack may cost."""
BODY = b"x" * 400_000
"""An answer that nobody takes: what came of it with its head is held, a hundred times at most."""
UNENDED = head("POST")


def rss(running: Running) -> int:
    """Bytes of memory that the process holds."""
    lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


async def flood(caller: Raw, part: Callable[[int], bytes], many: int = FRAMES) -> None:
    """Say it again and again, until all is said or the other side has ended."""
    with contextlib.suppress(ConnectionError):
        for n in range(many):
            caller.say(part(n))
            if n % 200 == 199:
                await caller.writer.drain()
        await caller.writer.drain()


async def _ended(caller: Raw) -> None:
    await caller.ended()


async def rapid_reset(caller: Raw) -> None:
    await flood(
        caller,
        lambda n: headers(1 + 2 * n) + frame(RST_STREAM, 0, 1 + 2 * n, number(8)),
        FRAMES // 2,
    )
    await caller.ended()
    [(code, last)] = caller.goaways
    assert code == CALM
    assert last < ENDED_WITHIN


async def made_to_reset_by_windows(caller: Raw) -> None:
    most = number((1 << 31) - 1)
    await flood(
        caller,
        lambda n: (
            headers(1 + 2 * n, UNENDED, END_HEADERS) + frame(WINDOW_UPDATE, 0, 1 + 2 * n, most)
        ),
        FRAMES // 2,
    )
    await caller.ended()
    [(code, last)] = caller.goaways
    assert code == CALM
    assert last < ENDED_WITHIN


async def made_to_reset_by_late_content(caller: Raw) -> None:
    await flood(
        caller,
        lambda n: headers(1 + 2 * n) + frame(DATA, END_STREAM, 1 + 2 * n, b"x"),
        FRAMES // 2,
    )
    await caller.ended()
    assert caller.goaways[0][0] == CALM
    assert caller.goaways[0][1] < ENDED_WITHIN


async def made_to_reset_by_heads_that_are_none(caller: Raw) -> None:
    bad = [*GET, (b"connection", b"close")]
    await flood(caller, lambda n: headers(1 + 2 * n, bad))
    await caller.ended()
    assert caller.goaways[0][0] == CALM
    assert caller.goaways[0][1] < 2 * ENDED_WITHIN


async def continuation(caller: Raw) -> None:
    caller.say(frame(HEADERS, END_STREAM, 1, b"\0\1x\1y"))
    await flood(caller, lambda _n: frame(CONTINUATION, 0, 1, b"\0\1x\x7f\x81\x1f" + b"y" * 4_000))
    await caller.ended()
    assert caller.goaways == [(CALM, 0)]


async def empty_continuation(caller: Raw) -> None:
    caller.say(frame(HEADERS, END_STREAM, 1, b""))
    await flood(caller, lambda _n: frame(CONTINUATION, 0, 1))
    await caller.ended()
    assert caller.goaways == [(CALM, 0)]


async def settings(caller: Raw) -> None:
    await flood(caller, lambda n: frame(SETTINGS, 0, 0, b"\0\4" + number(n)))
    await caller.ended()
    assert caller.goaways == [(CALM, 0)]
    assert len(caller.got) < ENDED_WITHIN


async def pings(caller: Raw) -> None:
    await flood(caller, lambda n: frame(PING, 0, 0, b"%08d" % n))
    await caller.ended()
    assert caller.goaways == [(CALM, 0)]
    assert len(caller.got) < ENDED_WITHIN


async def priorities(caller: Raw) -> None:
    await flood(caller, lambda n: frame(PRIORITY, 0, 1 + 2 * n, number(0) + b"\0"))
    await caller.ended()
    assert caller.goaways == [(CALM, 0)]


async def windows(caller: Raw) -> None:
    await flood(caller, lambda _n: frame(WINDOW_UPDATE, 0, 0, number(1)))
    await caller.ended()
    assert caller.goaways == [(CALM, 0)]


async def empty_content(caller: Raw) -> None:
    caller.say(headers(1, UNENDED, END_HEADERS))
    await flood(caller, lambda _n: frame(DATA, 0, 1))
    await caller.ended()
    assert caller.goaways == [(CALM, 1)]


async def unknown_frames(caller: Raw) -> None:
    await flood(caller, lambda _n: frame(0x77, 0, 0, b"?"))
    await caller.ended()
    assert caller.goaways == [(CALM, 0)]


async def bomb(caller: Raw) -> None:
    sender = hpack.Encoder()
    filled = sender.encode([*GET, (b"x", b"v" * 3_900)])
    caller.say(frame(HEADERS, END_HEADERS | END_STREAM, 1, filled))
    caller.say(frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\xbe" * 16_000))
    await caller.ended()
    assert caller.goaways == [(CALM, 1)]


async def crumbs(caller: Raw) -> None:
    many = [*GET, *[(b"cookie", b"x")] * 1_000]
    caller.say(headers(1, many))
    reset = await caller.until(lambda got: got.kind in (RST_STREAM, 7))
    assert reset is not None
    assert caller.content(1).startswith(b"More than 200 header lines.")


async def streams(caller: Raw) -> None:
    await flood(caller, lambda n: headers(1 + 2 * n, UNENDED, END_HEADERS), 5_000)
    await caller.ended()
    assert sum(got.kind == RST_STREAM for got in caller.got) <= ENDED_WITHIN
    assert caller.goaways


async def zero_windows(caller: Raw) -> None:
    caller.say(frame(SETTINGS, 0, 0, b"\0\4" + number(0)))
    caller.say(*(headers(1 + 2 * n, head("GET", "/large")) for n in range(100)))
    heads: set[int] = set()

    def all_answered(got: Got) -> bool:
        if got.kind == HEADERS:
            heads.add(got.stream_id)
        return len(heads) == 100

    await caller.until(all_answered)
    assert not any(got.kind == DATA for got in caller.got)


async def unread_pings(caller: Raw) -> None:
    """Answers pile up at a caller that reads none."""
    await flood(caller, lambda n: headers(1 + 2 * n, head("GET", "/x")), 100)
    await flood(caller, lambda n: frame(PING, 0, 0, b"%08d" % n))
    await caller.ended()
    assert caller.goaways[-1][0] == CALM


async def slow_uploads(caller: Raw) -> None:
    """Content is held for requests whose upstream never reads it."""
    caller.say(*(headers(1 + 2 * n, head("POST", "/held"), END_HEADERS) for n in range(100)))
    for _ in range(3):
        caller.say(*(frame(DATA, 0, 1 + 2 * n, b"x" * 16_000) for n in range(100)))
        await caller.writer.drain()
    assert await caller.alive()


ATTACKS: list[Callable[[Raw], Awaitable[None]]] = [
    rapid_reset, made_to_reset_by_windows, made_to_reset_by_late_content,
    made_to_reset_by_heads_that_are_none, continuation, empty_continuation, settings, pings,
    priorities, windows, empty_content, unknown_frames, bomb, crumbs, streams, zero_windows,
    unread_pings, slow_uploads,
]  # fmt: skip


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        line = await reader.readline()
        if not line:
            return
        if b"/held" in line:
            await asyncio.Event().wait()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok(BODY if b"/large" in line else b"ok"))


@contextlib.asynccontextmanager
async def _dialled(port: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def _polite(port: int) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    peer = Peer(reader, writer, client=True)
    try:
        for _ in range(20):
            assert (await peer.answer(GET)).status == 200
    finally:
        writer.close()


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[asyncio.Runner, Running]]:
    """A proxy in its own process, and the loop on which its upstream and its callers run."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        upstream = origin(_serve)
        port = runner.run(upstream.__aenter__())
        with alone("--upstream", f"{LOOPBACK}:{port}", "--upstream-protocol", "http1") as running:
            runner.run(_polite(running.port))
            yield runner, running
        runner.run(upstream.__aexit__(None, None, None))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_ends_soon_and_others_are_served(
    attack: Callable[[Raw], Awaitable[None]], target: tuple[asyncio.Runner, Running]
) -> None:
    runner, running = target

    async def scene() -> None:
        async with asyncio.timeout(60), _dialled(running.port) as caller:
            before = rss(running)
            await caller.greet()
            hostile = asyncio.ensure_future(attack(caller))
            await _polite(running.port)
            await hostile
            assert rss(running) - before <= GROWTH
            await _polite(running.port)

    runner.run(scene())
    assert running.process.poll() is None
