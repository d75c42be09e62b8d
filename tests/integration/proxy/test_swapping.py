"""Swapped under load: every request is answered once, by an endpoint that was meant."""

from __future__ import annotations

import asyncio
from collections import Counter

from proxy.aio import spawn
from proxy.contract.snapshot import Endpoint, Route, Rule, Service, Share, Snapshot
from proxy.current import Current
from tests.harness.wait import eventually_async
from tests.integration.proxy.rig import (
    Serve,
    Stage,
    ok,
    origin,
    outbound,
    read_answer,
    read_request,
    run,
    status_of,
)

WORKERS = 8
ROUNDS = 20


class Ledger:
    """Which origin saw which request id."""

    def __init__(self) -> None:
        self.seen: dict[str, list[str]] = {}
        self.open: Counter[str] = Counter()

    def origin(self, name: str) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.open[name] += 1
            try:
                while True:
                    head, _ = await read_request(reader)
                    self.seen.setdefault(_id_of(head), []).append(name)
                    writer.write(ok(name.encode()))
            finally:
                self.open[name] -= 1

        return serve


def _id_of(head: bytes) -> str:
    return head.split(b"x-request-id: ")[1].split(b"\r\n")[0].decode()


def _snapshot(ports: dict[str, int], groups: dict[str, str], shares: dict[str, float]) -> Snapshot:
    endpoints = tuple(
        Endpoint(id=name, addr=f"127.0.0.1:{port}", group=groups[name], unit="u")
        for name, port in ports.items()
    )
    service = Service(name="stock", endpoints=endpoints, groups=("one", "two"))
    split = tuple(Share(group=group, percent=percent) for group, percent in shares.items())
    rule = Rule(id="split", split=split)
    return Snapshot(
        service={"stock": service}, route={"stock": Route(name="stock", version=1, rules=(rule,))}
    )


async def _load(stage: Stage, worker: int, stop: asyncio.Event, statuses: list[int]) -> None:
    reader, writer = await stage.dial()
    turn = 0
    while not stop.is_set():
        turn += 1
        method = "POST" if turn % 2 else "GET"
        writer.write(
            f"{method} /x HTTP/1.1\r\nHost: stock.mesh:80\r\nx-request-id: {worker}-{turn}\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        head, _ = await read_answer(reader)
        statuses.append(status_of(head))
    writer.close()


def test_twenty_swaps_under_load_lose_and_repeat_nothing() -> None:
    ledger = Ledger()
    statuses: list[int] = []

    async def scene() -> None:
        current = Current()
        groups = {"a": "one", "b": "one", "c": "two"}
        async with (
            origin(ledger.origin("a")) as a,
            origin(ledger.origin("b")) as b,
            origin(ledger.origin("c")) as c,
            outbound(current) as stage,
        ):
            everyone = {"a": a, "b": b, "c": c}
            current.swap(_snapshot(everyone, groups, {"one": 100, "two": 0}), 1)
            stop = asyncio.Event()
            load = [
                spawn(_load(stage, worker, stop, statuses), name=f"load {worker}")
                for worker in range(WORKERS)
            ]
            for turn in range(ROUNDS):
                seen = len(statuses)

                async def went_on(before: int = seen) -> bool:
                    return len(statuses) > before + 50

                await eventually_async(went_on)
                share = turn * 5.0
                without_b = {name: port for name, port in everyone.items() if name != "b"}
                ports = without_b if turn % 2 else everyone
                current.swap(_snapshot(ports, groups, {"one": 100 - share, "two": share}), turn + 2)
            stop.set()
            await asyncio.gather(*load)

    run(scene())
    assert set(statuses) == {200}
    assert len(ledger.seen) == len(statuses)
    assert all(len(origins) == 1 for origins in ledger.seen.values())
    assert {name for (name,) in ledger.seen.values()} == {"a", "b", "c"}


def test_an_endpoint_that_goes_is_drained_and_one_that_stays_keeps_its_connections() -> None:
    answer_now = asyncio.Event()
    opened: Counter[str] = Counter()
    ended = asyncio.Event()

    def serve_as(name: str) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            opened[name] += 1
            try:
                while True:
                    await read_request(reader)
                    if name == "goes":
                        await answer_now.wait()
                    writer.write(ok(name.encode()))
            finally:
                if name == "goes":
                    ended.set()

        return serve

    async def ask(stage: Stage) -> bytes:
        reader, writer = await stage.dial()
        writer.write(b"GET / HTTP/1.1\r\nHost: stock\r\n\r\n")
        _, body = await read_answer(reader)
        writer.close()
        return body

    async def scene() -> None:
        current = Current()
        async with (
            origin(serve_as("goes")) as goes,
            origin(serve_as("stays")) as stays,
            outbound(current) as stage,
        ):
            ports = {"goes": goes, "stays": stays}
            groups = {"goes": "one", "stays": "two"}
            current.swap(_snapshot(ports, groups, {"one": 0, "two": 100}), 1)
            assert await ask(stage) == b"stays"
            current.swap(_snapshot(ports, groups, {"one": 100, "two": 0}), 2)
            slow = spawn(ask(stage), name="slow")

            async def in_flight() -> bool:
                return opened["goes"] == 1

            await eventually_async(in_flight)
            only = {"stays": stays}
            current.swap(_snapshot(only, groups, {"one": 0, "two": 100}), 3)
            assert not ended.is_set()
            answer_now.set()
            assert await slow == b"goes"
            await asyncio.wait_for(ended.wait(), 5)
            assert await ask(stage) == b"stays"
            assert opened == {"goes": 1, "stays": 1}

    run(scene())


def test_a_stranger_an_empty_group_and_a_sidecar_without_snapshot_are_told_apart() -> None:
    async def scene() -> None:
        current = Current()
        async with outbound(current) as stage:
            first = await stage.ask("GET / HTTP/1.1\nHost: stock")
            assert status_of(first) == 503
            current.swap(_snapshot({}, {}, {"one": 100}), 1)
            stranger = await stage.ask("GET / HTTP/1.1\nHost: nobody")
            assert status_of(stranger) == 404
            assert b"x-mesh-flag: NR" in stranger
            empty = await stage.ask("GET / HTTP/1.1\nHost: stock")
            assert status_of(empty) == 503
            assert b"x-mesh-flag: UH" in empty

    run(scene())
