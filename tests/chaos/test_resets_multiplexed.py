"""Endpoints that carry many requests on one connection, and reset it at every byte of an answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from proxy.http2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    SETTINGS,
)
from proxy.sniff import PREFACE
from tests.chaos.test_resets import cut
from tests.integration.proxy import bolt
from tests.integration.proxy.http2_peers import Peer, Said, client, echo, head, http2_origin, to
from tests.integration.proxy.http2_raw import block, frame
from tests.integration.proxy.rig import Stage, origin, relay, run, until


def descriptors() -> int:
    """What this process, peers and proxy in one, holds open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def nothing_is_left(stage: Stage, tasks: int, held: int) -> None:
    """Callers, attempts, connections, tasks and descriptors are what they were."""
    await until(lambda: not stage.listener.callers)
    for member in stage.listener.members():
        assert (member.stats.in_flight, member.waiting) == (0, 0)
        member.retire()
    await until(lambda: sum(member.opened for member in stage.listener.members()) == 0)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    await until(lambda: descriptors() <= held)


def test_framed_calls_in_flight_on_a_connection_that_is_reset_each_hear_of_it() -> None:
    """Two calls share it; the first answer is whole, or its caller hears why, and so the second."""
    wholes = [len(bolt.answer(1, b"one")), len(bolt.answer(1, b"one") + bolt.answer(2, b"two"))]
    seen: list[bytes] = []

    async def scene() -> None:
        at = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = [await bolt.read(reader) for _ in range(2)]
            seen.extend(call.content for call in asked)
            told = b"".join(
                bolt.answer(call.id, word)
                for call, word in zip(asked, (b"one", b"two"), strict=True)
            )
            cut(writer, told[:at])

        async with origin(serve) as port, relay(port, speaks="bolt") as stage:
            tasks, held = len(asyncio.all_tasks()), descriptors()
            for at in range(wholes[1] + 1):
                async with bolt.caller(stage.port) as who:
                    calls = [b"%d first" % at, b"%d second" % at]
                    await who.say(*(bolt.request(7 + n, call) for n, call in enumerate(calls)))
                    said = {one.id: one for one in [await who.hear(), await who.hear()]}
                for id, word, whole in zip((7, 8), (b"one", b"two"), wholes, strict=True):
                    if at >= whole:
                        assert (said[id].status, said[id].content) == (0, word)
                    else:
                        assert said[id].status != 0
                        assert said[id].headers["x-mesh-flag"] == "UC"
            assert len(seen) == len(set(seen)) == 2 * (wholes[1] + 1)
            await nothing_is_left(stage, tasks, held)

    run(scene())


ANSWER = frame(HEADERS, END_HEADERS, 1, block([(b":status", b"200")]))
GREETING = frame(SETTINGS) + frame(SETTINGS, ACK)
LAST = frame(DATA, END_STREAM, 1, b"ten bytes.")
WHOLE = GREETING + ANSWER + LAST


async def asked_for(reader: asyncio.StreamReader) -> None:
    """Read a connection's first request, to its end."""
    await reader.readexactly(len(PREFACE))
    while True:
        start = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(start[:3], "big"))
        if start[3] in (HEADERS, DATA) and start[4] & END_STREAM:
            return


async def asked(caller: Peer, method: str) -> Said:
    """One request and all that came of it."""
    return await caller.answer(head(method, "/x"), b"body" if method == "POST" else b"")


def test_http2_streams_of_a_connection_that_is_reset_are_repeated_refused_or_reset() -> None:
    begun = len(GREETING + ANSWER)

    async def scene() -> None:
        at = 0
        hits: list[int] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked_for(reader)
            hits.append(at)
            cut(writer, WHOLE[:at])

        async with (
            origin(serve) as crooked,
            http2_origin(echo) as other,
            relay(choice=to(crooked, other), speaks="http2") as stage,
        ):
            tasks, held = len(asyncio.all_tasks()), descriptors()
            for method in ("GET", "POST"):
                for at in range(len(WHOLE) + 1):
                    async with client(stage) as caller:
                        before = len(hits)
                        said = await asked(caller, method)
                        while len(hits) == before:  # it was the other's turn
                            said = await asked(caller, method)
                    assert len(hits) == before + 1
                    if at == len(WHOLE):
                        assert (said.status, said.content, said.ended) == (200, b"ten bytes.", True)
                    elif at >= begun:
                        assert said.reset is not None
                        assert not said.ended
                        assert b"ten bytes.".startswith(said.content)
                    elif method == "GET":
                        assert (said.status, said.value("x-path")) == (200, b"/x")
                    else:
                        assert (said.status, said.value("x-mesh-flag")) == (503, b"UC")
            await nothing_is_left(stage, tasks, held)

    run(scene())
