"""A handover under each protocol: what is under way is finished, by one process or by workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.http2.frames import GOAWAY, HEADERS
from tests.harness.wait import eventually
from tests.integration.proxy import bolt
from tests.integration.proxy.generations import Generations, generations
from tests.integration.proxy.http2_peers import head
from tests.integration.proxy.http2_raw import Raw, headers
from tests.integration.proxy.processes import origin_server
from tests.integration.proxy.rig import LOOPBACK, origin, run

LAST_STREAM = 2**31 - 1


@pytest.fixture(params=[(), ("--workers", "2")], ids=["alone", "workers"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Generations]:
    """A place with no process yet; what its processes are started with besides."""
    with generations(tmp_path, "") as made:
        made.more = request.param
        yield made


def test_streams_are_told_of_the_end_and_finished_in_the_old_process(place: Generations) -> None:
    async def scene() -> None:
        place.upstream = slow.address
        old = await asyncio.to_thread(place.begun, "--upstream-protocol", "http1")
        reader, writer = await asyncio.open_connection(LOOPBACK, place.port)
        caller = Raw(reader, writer)
        await caller.greet()
        slow.gate.clear()
        caller.say(*(headers(stream, head(path=f"/{stream}")) for stream in (1, 3, 5)))
        await asyncio.to_thread(eventually, lambda: len(slow.seen) == 3)
        await asyncio.to_thread(place.begun, "--upstream-protocol", "http1")
        told = await caller.kind(GOAWAY)
        assert told is not None
        assert (told.code, int.from_bytes(told.payload[:4], "big")) == (0, LAST_STREAM)
        assert old.poll() is None
        slow.gate.set()
        for stream in (1, 3, 5):
            ended = await caller.answer(stream)
            assert ended is not None
            assert ended.kind <= HEADERS, "it was reset"
        await caller.ended()
        writer.close()
        assert await asyncio.to_thread(old.wait, 20) == 0
        assert sorted(slow.seen) == ["/1", "/3", "/5"]

    with origin_server() as slow:
        run(scene())


def test_calls_are_told_of_the_end_and_answered_by_the_old_process(place: Generations) -> None:
    async def scene() -> None:
        gate = asyncio.Event()
        came: list[bytes] = []

        async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                seen = await bolt.read(reader)
                came.append(seen.content)
                await gate.wait()
                writer.write(bolt.answer(seen.id, seen.content))

        async with origin(slowly) as port:
            place.upstream = f"{LOOPBACK}:{port}"
            old = await asyncio.to_thread(place.begun, "--upstream-protocol", "bolt")
            async with bolt.caller(place.port) as who:
                await who.say(bolt.request(7, b"seven"), bolt.request(8, b"eight"))
                async with asyncio.timeout(10):
                    while not came:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                await asyncio.to_thread(place.begun, "--upstream-protocol", "bolt")
                assert (await who.hear()).is_go_away
                gate.set()
                answers = [await who.hear() for _ in range(2)]
                assert {one.id: one.content for one in answers} == {7: b"seven", 8: b"eight"}
                assert await who.ended() == b""
            assert await asyncio.to_thread(old.wait, 20) == 0
            assert sorted(came) == [b"eight", b"seven"]

    run(scene())


def test_a_session_lives_on_in_the_old_process_until_it_ends(place: Generations) -> None:
    async def scene() -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while said := await reader.read(1000):
                writer.write(said)

        async with origin(echo) as port:
            place.upstream = f"{LOOPBACK}:{port}"
            old = await asyncio.to_thread(place.begun, "--protocol", "tcp")
            reader, writer = await asyncio.open_connection(LOOPBACK, place.port)
            writer.write(b"before")
            assert await reader.readexactly(6) == b"before"
            await asyncio.to_thread(place.begun, "--protocol", "tcp")
            writer.write(b"after")
            assert await reader.readexactly(5) == b"after"
            assert old.poll() is None
            writer.close()
            assert await asyncio.to_thread(old.wait, 20) == 0

    run(scene())
