"""What happens on the connections under framed calls: silence, leave-taking, and slow readers."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from proxy.member import Member
from proxy.rpc import downstream
from proxy.rpc.downstream import CALLS_LIMIT, UNREAD_SECONDS
from proxy.rpc.heartbeat import INTERVAL_SECONDS, MISSED_LIMIT
from proxy.rpc.reserve import Reserve
from tests.harness.wait import eventually_async
from tests.integration.proxy import bolt
from tests.integration.proxy.bolt import caller, echo, serving
from tests.integration.proxy.rig import Stage, origin, relay, run


def member_of(stage: Stage) -> Member:
    (member,) = stage.listener.members()
    return member


async def until(stage: Stage, in_flight: int) -> None:
    async def there() -> bool:
        return member_of(stage).stats.in_flight == in_flight

    await eventually_async(there)


def sweep(stage: Stage, seconds: float) -> None:
    """Let the pools believe that it is later."""
    stage.listener.pools.sweep(monotonic() + seconds)


def test_a_silent_server_is_asked_whether_it_is_alive() -> None:
    async def scene() -> None:
        heartbeats: list[bolt.Seen] = []

        def answering(seen: bolt.Seen) -> bytes | None:
            if seen.is_heartbeat:
                heartbeats.append(seen)
                return bolt.heartbeat_answer(seen.id)
            return None

        async with (
            origin(serving(answering)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            await who.say(bolt.request(1))
            await until(stage, 1)
            sweep(stage, 0)
            for n in range(1, MISSED_LIMIT + 3):
                sweep(stage, INTERVAL_SECONDS * n)

                async def asked(n: int = n) -> bool:
                    return len(heartbeats) >= n

                await eventually_async(asked)
                sweep(stage, INTERVAL_SECONDS * n)
            assert member_of(stage).stats.in_flight == 1

    run(scene())


def test_a_server_that_answers_no_heartbeat_is_given_up() -> None:
    async def scene() -> None:
        async with (
            origin(serving(lambda _seen: None)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            await who.say(bolt.request(1))
            await until(stage, 1)
            for n in range(MISSED_LIMIT + 2):
                sweep(stage, INTERVAL_SECONDS * n)
            seen = await who.hear()
            assert (seen.id, seen.status, seen.headers["x-mesh-flag"]) == (1, 16, "UC")

    run(scene())


def test_a_server_that_leaves_gets_no_more_requests_and_answers_those_it_has() -> None:
    async def scene() -> None:
        connections: list[asyncio.StreamWriter] = []
        ended = asyncio.Event()

        async def leaving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            if len(connections) > 1:
                await serving(echo)(reader, writer)
            asked = [await bolt.read(reader) for _ in range(3)]
            writer.write(bolt.answer(asked[0].id, b"first") + bolt.go_away())
            await second.wait()
            writer.write(b"".join(bolt.answer(seen.id, b"last") for seen in asked[1:]))
            assert await reader.read(-1) == b"", "a request was sent to who leaves"
            ended.set()

        second = asyncio.Event()
        async with (
            origin(leaving) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            await who.say(*(bolt.request(id) for id in range(3)))
            assert (await who.hear()).content == b"first"
            assert (await who.ask(bolt.request(7, b"other"))).content == b"other"
            second.set()
            assert [(await who.hear()).content for _ in range(2)] == [b"last", b"last"]
            await ended.wait()
            assert len(connections) == 2

    run(scene())


def test_a_proxy_that_drains_asks_its_callers_to_leave_and_loses_nothing() -> None:
    async def scene() -> None:
        asked: list[bolt.Seen] = []
        go_on = asyncio.Event()

        async def holding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await bolt.read(reader))
            await go_on.wait()
            writer.write(bolt.answer(asked[0].id, b"kept"))
            await serving(echo)(reader, writer)

        async with (
            origin(holding) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
            caller(stage.port) as idle,
        ):
            await who.say(bolt.request(1))
            await until(stage, 1)
            stage.server.start_draining()
            assert (await who.hear()).is_go_away
            assert (await idle.hear()).is_go_away
            assert await idle.ended() == b""
            await who.say(bolt.request(2, b"too late to know"))
            go_on.set()
            answers = {seen.id: seen.content for seen in [await who.hear(), await who.hear()]}
            assert answers == {1: b"kept", 2: b"too late to know"}
            assert await who.ended() == b""

    run(scene())


def test_more_calls_than_may_be_in_flight_wait_unread_and_are_all_answered() -> None:
    async def scene() -> None:
        most = 0
        held: list[bolt.Seen] = []
        go_on = asyncio.Event()

        async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal most
            while not go_on.is_set():
                held.append(await bolt.read(reader))
                most = max(most, len(held))
                if len(held) == CALLS_LIMIT:
                    go_on.set()
            writer.write(b"".join(bolt.answer(seen.id) for seen in held))
            await serving(echo)(reader, writer)

        async with (
            origin(counting) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            ids = range(CALLS_LIMIT * 4)
            await who.say(*(bolt.request(id) for id in ids))
            assert {(await who.hear()).id for _ in ids} == set(ids)
            assert most == CALLS_LIMIT

    run(scene())


def test_a_caller_that_does_not_read_is_cut_off_before_it_holds_up_others() -> None:
    async def scene() -> None:
        big = b"x" * (1 << 20)

        def answering(seen: bolt.Seen) -> bytes | None:
            return bolt.answer(seen.id, big) if seen.content == b"big" else echo(seen)

        async with (
            origin(serving(answering)) as port,
            relay(port, speaks="bolt", seconds=60) as stage,
            caller(stage.port) as slow,
            caller(stage.port) as polite,
        ):
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
            await slow.say(*(bolt.request(id, b"big") for id in range(64)))

            async def stuck() -> bool:
                return any(getattr(one, "holds_up", False) for one in stage.listener.callers)

            await eventually_async(stuck)
            for connection in list(stage.listener.callers):
                connection.sweep(monotonic() + UNREAD_SECONDS + 1, False)

            async def gone() -> bool:
                return len(stage.listener.callers) == 1

            await eventually_async(gone)
            assert (await polite.ask(bolt.request(1, b"hello"))).content == b"hello"
            await until(stage, 0)

    run(scene())


def test_a_caller_that_reads_slowly_gets_everything() -> None:
    async def scene() -> None:
        big = b"x" * (1 << 20)
        async with (
            origin(serving(lambda seen: bolt.answer(seen.id, big))) as port,
            relay(port, speaks="bolt", seconds=60) as stage,
            caller(stage.port) as who,
        ):
            await who.say(*(bolt.request(id) for id in range(48)))

            async def stuck() -> bool:
                return any(getattr(one, "holds_up", False) for one in stage.listener.callers)

            await eventually_async(stuck)
            answers = [await who.hear() for _ in range(48)]
            assert {seen.id for seen in answers} == set(range(48))
            assert {len(seen.content) for seen in answers} == {len(big)}

    run(scene())


def test_a_server_that_reads_slowly_stops_its_callers_and_gets_everything() -> None:
    async def scene() -> None:
        go_on = asyncio.Event()
        came = 0

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal came
            await go_on.wait()
            while True:
                seen = await bolt.read(reader)
                came += len(seen.content)
                writer.write(bolt.answer(seen.id))

        async with (
            origin(slow) as port,
            relay(port, speaks="bolt", seconds=60) as stage,
            caller(stage.port) as who,
        ):
            frames = [bolt.request(id, b"x" * (1 << 20)) for id in range(40)]
            who.writer.write(b"".join(frames))

            async def held() -> bool:
                return any(getattr(one, "_slow_upstreams", 0) for one in stage.listener.callers)

            await eventually_async(held)
            assert member_of(stage).stats.in_flight < 40
            go_on.set()
            assert {(await who.hear()).id for _ in range(40)} == set(range(40))
            assert came == 40 << 20

    run(scene())


def test_large_frames_wait_unread_for_a_share_of_the_reserve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reserve = Reserve(3 << 20)
    monkeypatch.setattr(downstream, "RESERVE", reserve)

    async def scene() -> None:
        async with (
            origin(serving(echo)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as stuck,
            caller(stage.port) as other,
        ):
            big = bolt.request(1, b"x" * (2 << 20))
            await stuck.say(big[: 1 << 20])

            async def reserved() -> bool:
                return reserve.left < 3 << 20

            await eventually_async(reserved)
            other.writer.write(bolt.request(1, b"small") + bolt.request(2, b"y" * (2 << 20)))
            assert (await other.hear()).content == b"small"
            await stuck.say(big[1 << 20 :])
            assert len((await stuck.hear()).content) == 2 << 20
            assert (await other.hear()).content == b"y" * (2 << 20)
            assert reserve.left == 3 << 20
            await stuck.say(big[: 1 << 20])
            await eventually_async(reserved)
            stuck.writer.transport.abort()

            async def given_back() -> bool:
                return reserve.left == 3 << 20

            await eventually_async(given_back)

    run(scene())


def test_a_server_may_ask_for_a_heartbeat_but_for_nothing_else() -> None:
    async def scene() -> None:
        told: list[bolt.Seen] = []

        async def asking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen = await bolt.read(reader)
            writer.write(bolt.heartbeat(5) + bolt.request(6) + bolt.request(7, one_way=True))
            told.extend([await bolt.read(reader), await bolt.read(reader)])
            writer.write(bolt.answer(seen.id))
            await reader.read(-1)

        async with (
            origin(asking) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            assert (await who.ask(bolt.request(1))).status == 0
            assert [(seen.code, seen.id, seen.status) for seen in told] == [(0, 5, 0), (2, 6, 6)]

    run(scene())


def test_an_answer_that_is_no_frame_costs_what_was_in_flight() -> None:
    async def scene() -> None:
        async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await bolt.read(reader)
            writer.write(b"\x01\x05" + b"\0" * 30)
            await reader.read(-1)

        async with (
            origin(broken) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            seen = await who.ask(bolt.request(1))
            assert (seen.status, seen.headers["x-mesh-flag"]) == (9, "UPE")
            assert "There is no type 5" in seen.headers["x-mesh-message"]
            assert [heard.error for heard in stage.ear.heard] == ["protocol"]

    run(scene())


def test_an_endpoint_whose_sidecar_reached_nobody_is_left_for_another() -> None:
    async def scene() -> None:
        flagged = {"x-mesh-flag": "UF"}
        async with (
            origin(serving(lambda seen: bolt.answer(seen.id, b"", 5, flagged))) as empty,
            origin(serving(echo)) as full,
            relay(empty, full, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            for id in range(4):
                assert (await who.ask(bolt.request(id, b"done"))).content == b"done"
            assert {heard.error for heard in stage.ear.heard} == {"connect"}

    run(scene())


def test_an_application_cannot_pass_for_its_sidecar() -> None:
    async def scene() -> None:
        flagged = {"x-mesh-flag": "UF", "kept": "1"}
        async with (
            origin(serving(lambda seen: bolt.answer(seen.id, b"x", 2, flagged))) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            stage.listener.side = "in"
            seen = await who.ask(bolt.request(1))
            assert (seen.status, seen.content, seen.headers) == (2, b"x", {"kept": "1"})

    run(scene())


def test_the_services_patience_holds_when_the_frame_says_more_or_nothing() -> None:
    async def scene() -> None:
        async with (
            origin(serving(lambda _seen: None)) as port,
            relay(port, speaks="bolt", seconds=0.2) as stage,
            caller(stage.port) as who,
        ):
            await who.say(bolt.request(1, timeout_ms=60_000), bolt.request(2, timeout_ms=-1))
            assert {(await who.hear()).status for _ in range(2)} == {7}

    run(scene())
