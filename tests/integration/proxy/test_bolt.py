"""Framed calls through the relay: many at once, each answered under its own number."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from proxy.assembly import fixed
from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from proxy.current import Current
from proxy.settings import HostPort
from tests.harness.wait import eventually_async
from tests.integration.proxy import bolt
from tests.integration.proxy.bolt import caller, echo, serving
from tests.integration.proxy.processes import alone
from tests.integration.proxy.rig import (
    LOOPBACK,
    Serve,
    body_of,
    ok,
    origin,
    outbound,
    read_request,
    relay,
    run,
    status_of,
)


async def two_tongued(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An origin that answers frames with frames and HTTP with HTTP."""
    first = await reader.readexactly(2)
    if first[0] == 1:
        writer.write(bolt.answer((await bolt.read(reader, first)).id, b"framed"))
        await serving(echo)(reader, writer)
    while True:
        await read_request(reader)
        writer.write(ok(b"ok"))


def test_calls_in_flight_together_are_answered_under_their_own_numbers() -> None:
    async def scene() -> None:
        async with (
            origin(serving(echo)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as one,
            caller(stage.port) as other,
        ):
            ids = range(7, 307)
            await one.say(*(bolt.request(id, b"one %d" % id) for id in ids))
            await other.say(*(bolt.request(id, b"other %d" % id) for id in ids))
            for who, name in ((one, b"one"), (other, b"other")):
                answers = [await who.hear() for _ in ids]
                assert {seen.id: seen.content for seen in answers} == {
                    id: b"%b %d" % (name, id) for id in ids
                }
            assert len(stage.listener.callers) == 2

    run(scene())


def test_only_the_number_of_a_frame_changes_on_its_way() -> None:
    async def scene() -> None:
        seen: list[bolt.Seen] = []

        def answering(frame: bolt.Seen) -> bytes:
            seen.append(frame)
            return bolt.answer(frame.id, b"\0\1\2", headers={"a": "b"})

        async with (
            origin(serving(answering)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            sent = bolt.request(77, b"\xff" * 70_000, timeout_ms=1234)
            got = await who.ask(sent)
            assert seen[0].raw[:5] + seen[0].raw[9:] == sent[:5] + sent[9:]
            assert got.raw == bolt.answer(77, b"\0\1\2", headers={"a": "b"})

    run(scene())


def test_answers_may_come_in_any_order() -> None:
    async def scene() -> None:
        held: list[bolt.Seen] = []

        def last_first(frame: bolt.Seen) -> bytes | None:
            held.append(frame)
            if len(held) < 20:
                return None
            return b"".join(bolt.answer(seen.id, seen.content) for seen in reversed(held))

        async with (
            origin(serving(last_first)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            await who.say(*(bolt.request(id, b"%d" % id) for id in range(20)))
            answers = [await who.hear() for _ in range(20)]
            assert [seen.id for seen in answers] == list(reversed(range(20)))
            assert all(seen.content == b"%d" % seen.id for seen in answers)

    run(scene())


def test_a_server_that_dies_costs_what_it_was_asked_and_nothing_else() -> None:
    async def scene() -> None:
        async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(5):
                await bolt.read(reader)
            writer.transport.abort()

        async with (
            origin(dies) as mortal,
            relay(mortal, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            await who.say(*(bolt.request(id) for id in range(5)))
            answers = [await who.hear() for _ in range(5)]
            assert {seen.id for seen in answers} == set(range(5))
            assert {seen.status for seen in answers} == {16}
            assert {seen.headers["x-mesh-flag"] for seen in answers} == {"UC"}
            assert (await who.ask(bolt.heartbeat(9))).is_heartbeat
            member = stage.listener.members()
            assert [one.stats.in_flight for one in member] == [0]

    run(scene())


def test_nobody_to_connect_to_is_said_in_a_frame() -> None:
    async def scene() -> None:
        async with origin(serving(echo)) as port:
            pass
        async with relay(port, speaks="bolt") as stage, caller(stage.port) as who:
            seen = await who.ask(bolt.request(3))
            assert (seen.id, seen.status) == (3, 5)
            assert seen.headers["x-mesh-flag"] == "UF"
            assert "Cannot connect" in seen.headers["x-mesh-message"]

    run(scene())


def test_a_frame_says_itself_how_long_its_caller_waits() -> None:
    async def scene() -> None:
        late: list[bolt.Seen] = []

        def answering(frame: bolt.Seen) -> bytes | None:
            if frame.content == b"never":
                late.append(frame)
                return None
            return b"".join(bolt.answer(seen.id, b"late") for seen in late) + bolt.answer(frame.id)

        async with (
            origin(serving(answering)) as port,
            relay(port, speaks="bolt", seconds=3600) as stage,
            caller(stage.port) as who,
        ):
            seen = await who.ask(bolt.request(1, b"never", timeout_ms=50))
            assert (seen.status, seen.headers["x-mesh-flag"]) == (7, "UT")
            assert (await who.ask(bolt.request(2))).id == 2, "the late answer reached somebody"
            (member,) = stage.listener.members()
            assert member.stats.strays == 1
            assert member.stats.timeout == 1
            assert [heard.error for heard in stage.ear.heard] == ["timeout"]

    run(scene())


def test_heartbeats_are_answered_here() -> None:
    async def scene() -> None:
        async with relay(1, speaks="bolt") as stage, caller(stage.port) as who:
            seen = await who.ask(bolt.heartbeat(12))
            assert (seen.type, seen.code, seen.id, seen.status) == (0, 0, 12, 0)

    run(scene())


def test_a_request_that_nobody_answers_is_counted_when_it_is_written() -> None:
    async def scene() -> None:
        came: list[bytes] = []

        def answering(frame: bolt.Seen) -> bytes | None:
            came.append(frame.content)
            return echo(frame)

        async with (
            origin(serving(answering)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            sent = [bolt.request(id, b"%d" % id, one_way=True) for id in range(300)]
            await who.say(*sent)
            assert (await who.ask(bolt.request(1000, b"last"))).id == 1000
            assert set(came) == {b"last", *(b"%d" % id for id in range(300))}
            (edge,) = stage.listener.windows.totals()
            assert edge.requests == 301
            assert edge.status == {"2xx": 301}
            assert edge.bytes_in > sum(map(len, sent))

    run(scene())


def test_a_request_that_nobody_answers_is_not_answered_when_it_fails_either() -> None:
    async def scene() -> None:
        async with origin(serving(echo)) as port:
            pass
        async with relay(port, speaks="bolt") as stage, caller(stage.port) as who:
            await who.say(bolt.request(1, one_way=True))
            assert (await who.ask(bolt.request(2))).id == 2
            assert stage.listener.refusals == {"UF": 2}

    run(scene())


@pytest.mark.parametrize(
    ("status", "error"), [(7, "timeout"), (2, "5xx"), (4, "5xx"), (5, "5xx"), (16, "5xx")]
)
def test_what_did_not_succeed_is_counted_and_passed_on(status: int, error: str) -> None:
    async def scene() -> None:
        async with (
            origin(serving(lambda seen: bolt.answer(seen.id, b"why", status))) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            seen = await who.ask(bolt.request(1))
            assert (seen.status, seen.content) == (status, b"why")
            assert [heard.error for heard in stage.ear.heard] == [error]

    run(scene())


def test_the_first_bytes_tell_frames_from_other_requests_on_one_port() -> None:
    async def scene() -> None:
        async with (
            origin(two_tongued) as port,
            relay(port, speaks="auto") as stage,
            caller(stage.port) as who,
        ):
            for id in range(3):
                assert (await who.ask(bolt.request(id, b"framed"))).content == b"framed"
                answer = await stage.ask("GET / HTTP/1.1\nHost: a")
                assert (status_of(answer), body_of(answer)) == (200, b"ok")

    run(scene())


@pytest.mark.parametrize(("theirs", "asks"), [("http1", "bolt"), ("bolt", "http1")])
def test_what_cannot_be_turned_into_the_other_is_refused(theirs: str, asks: str) -> None:
    async def scene() -> None:
        choice = fixed("upstream", (HostPort(LOOPBACK, 1),))
        for member in choice.members:
            member.protocol = theirs
        async with relay(choice=choice, speaks="auto") as stage:
            if asks == "http1":
                answer = await stage.ask("GET / HTTP/1.1\nHost: a")
                assert status_of(answer) == 502
                assert b"speaks bolt and its caller http1" in body_of(answer)
                return
            async with caller(stage.port) as who:
                seen = await who.ask(bolt.request(1))
                assert (seen.status, seen.headers["x-mesh-flag"]) == (9, "DPE")
                assert "speaks http1 and its caller bolt" in seen.headers["x-mesh-message"]

    run(scene())


def test_the_same_number_twice_in_flight_is_refused() -> None:
    async def scene() -> None:
        async with (
            origin(serving(lambda _seen: None)) as port,
            relay(port, speaks="bolt", seconds=0.3) as stage,
            caller(stage.port) as who,
        ):
            await who.say(bolt.request(1), bolt.request(1))
            seen = await who.hear()
            assert (seen.id, seen.status) == (0, 9)
            assert "same number, 1" in seen.headers["x-mesh-message"]
            assert (await who.hear()).status == 7, "the first was not answered"
            assert await who.ended() == b""

    run(scene())


def test_bytes_that_are_no_frame_end_the_connection_with_a_sentence() -> None:
    async def scene() -> None:
        async with (
            origin(serving(echo)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            await who.say(bolt.request(1, b"good"), b"\x01\x07" + b"\0" * 40, bolt.request(2))
            answers = [await who.hear(), await who.hear()]
            good, bad = sorted(answers, key=lambda seen: seen.status)
            assert (good.id, good.content) == (1, b"good")
            assert (bad.id, bad.status) == (0, 9)
            assert "There is no type 7" in bad.headers["x-mesh-message"]
            assert await who.ended() == b""
            assert stage.listener.refusals == {"DPE": 1}

    run(scene())


def test_a_header_block_that_cannot_be_read_costs_its_own_request_only() -> None:
    async def scene() -> None:
        async with (
            origin(serving(echo)) as port,
            relay(port, speaks="bolt") as stage,
            caller(stage.port) as who,
        ):
            bad = bytearray(bolt.request(1))
            at = bad.index(b"sofa_head_method_name")
            bad[at - 4 : at] = b"\x7f\xff\xff\xff"
            await who.say(bytes(bad), bolt.request(2))
            answers = {seen.id: seen for seen in [await who.hear(), await who.hear()]}
            assert (answers[1].status, answers[2].status) == (9, 0)
            assert "header block" in answers[1].headers["x-mesh-message"]

    run(scene())


def test_a_caller_that_leaves_frees_its_places() -> None:
    async def scene() -> None:
        async with (
            origin(serving(lambda _seen: None)) as port,
            relay(port, speaks="bolt") as stage,
        ):
            (member,) = stage.listener.members()
            async with caller(stage.port) as who:
                await who.say(*(bolt.request(id) for id in range(50)))

                async def all_there() -> bool:
                    return member.stats.in_flight == 50

                await eventually_async(all_there)

            async def all_gone() -> bool:
                return member.stats.in_flight == 0 and not stage.listener.callers

            await eventually_async(all_gone)
            assert stage.listener.admission.in_flight == 0

    run(scene())


def test_calls_are_routed_by_service_and_split_between_groups() -> None:
    async def scene() -> None:
        def named(name: bytes) -> Serve:
            return serving(lambda seen: bolt.answer(seen.id, name))

        async with origin(named(b"one")) as one, origin(named(b"two")) as two:
            current = Current()
            async with outbound(current, speaks="auto") as stage, caller(stage.port) as who:
                seen = await who.ask(bolt.request(0))
                assert (seen.status, seen.headers["x-mesh-flag"]) == (6, "NR")
                for v, shares in enumerate(({"one": 100.0}, {"two": 100.0}), start=1):
                    current.swap(_orders(one, two, shares), v)
                    (group,) = shares
                    for request in (bolt.request(v), bolt.request(v, app="orders", service="x.Y")):
                        assert (await who.ask(request)).content == group.encode()
                current.swap(_orders(one, two, {"one": 50.0, "two": 50.0}), 3)
                sticky = [bolt.request(id, x_mesh_sticky=f"u{id % 10}") for id in range(100)]
                await who.say(*sticky)
                got = {seen.id: seen.content for seen in [await who.hear() for _ in sticky]}
                assert set(got.values()) == {b"one", b"two"}
                assert all(got[id] == got[id % 10] for id in got)
                seen = await who.ask(bolt.request(1, service="com.acme.Nobody:1.0"))
                assert (seen.status, seen.headers["x-mesh-flag"]) == (6, "NR")
                assert "com.acme.Nobody:1.0" in seen.headers["x-mesh-message"]
                interfaces = {edge.interface for edge in stage.listener.windows.totals()}
                assert interfaces == {f"{bolt.SERVICE}/create", "other"}

    run(scene())


def _orders(one: int, two: int, shares: dict[str, float]) -> Snapshot:
    endpoints = tuple(
        Endpoint(id=group, addr=f"127.0.0.1:{port}", group=group, unit="u")
        for group, port in (("one", one), ("two", two))
    )
    service = Service(
        name="orders",
        endpoints=endpoints,
        groups=("one", "two"),
        interfaces=(f"{bolt.SERVICE}/create",),
        protocol="bolt",
    )
    split = tuple(Share(group=group, percent=percent) for group, percent in shares.items())
    route = Route(name="orders", version=1, rules=(Rule(id="split", split=split),))
    return Snapshot(service={"orders": service}, route={"orders": route})


def test_a_stand_alone_proxy_speaks_frames_to_its_upstream_and_refuses_what_is_none() -> None:
    async def scene() -> None:
        async with origin(serving(echo)) as port:
            flags = ("--upstream", f"{LOOPBACK}:{port}", "--upstream-protocol", "bolt")
            running = await asyncio.to_thread(stack.enter_context, alone(*flags))
            async with caller(running.port) as who:
                assert (await who.ask(bolt.request(5, b"five"))).content == b"five"
            status, said = await asyncio.to_thread(running.get, "/")
            assert (status, b"bolt" in said) == (502, True)

    with ExitStack() as stack:
        run(scene())
