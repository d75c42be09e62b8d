"""The shell of ejection on real sockets: probes, dials, panic, and what a worker is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from proxy.contract.snapshot import Endpoint, HealingTerms, Route, Rule, Service, Share, Snapshot
from proxy.current import Current
from proxy.encryption.holder import Holder
from proxy.healing.warden import Warden
from proxy.metrics.healing import healing_of
from proxy.metrics.text import text_of
from proxy.stall import Stall
from proxy.workers.told import Told
from proxy.workers.words import Regard
from tests.integration.proxy.rig import (
    LOOPBACK,
    Stage,
    always,
    ok,
    origin,
    outbound,
    run,
    status_of,
    until,
)

GET = "GET /x HTTP/1.1\nHost: stock"
POST = b"POST /x HTTP/1.1\r\nHost: stock\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
QUICK: dict[str, Any] = {
    "base_seconds": 1.0, "max_seconds": 1.0, "probes": 2, "slow_start_seconds": 0.4
}  # fmt: skip


def a_mesh(*ports: int, group: str = "", **given: Any) -> Current:
    """`stock` at these ports; the first is alone in group `a`."""
    endpoints = tuple(
        Endpoint(id=f"s{at}", addr=f"{LOOPBACK}:{port}", group="a" if at == 1 else "b", unit="u")
        for at, port in enumerate(ports, 1)
    )
    service = Service(name="stock", endpoints=endpoints, groups=("a", "b"), retries=0)
    rules = (Rule(id="r", split=(Share(group=group, percent=100),)),) if group else ()
    current = Current()
    current.swap(
        Snapshot(
            service={"stock": service},
            route={"stock": Route(name="stock", version=1, rules=rules)} if rules else {},
            healing={"stock": HealingTerms(name="stock", mode="eject", **given)},
        ),
        1,
    )
    return current


@asynccontextmanager
async def watched(current: Current) -> AsyncIterator[tuple[Stage, Warden]]:
    async with outbound(current) as stage:
        warden = Warden(current)
        stage.listener.failures = warden
        stage.server.each_tick = warden.tick
        yield stage, warden


class Flag:
    """An origin that answers, or resets, as it is told."""

    def __init__(self) -> None:
        self.broken = False
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            self.asked += 1
            status = b"503 No" if self.broken else b"200 OK"
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)


async def ejected(stage: Stage, warden: Warden) -> None:
    """Ask until the broken endpoint is out."""
    async with asyncio.timeout(20):
        while not warden.told():
            await stage.ask(GET)


def test_probes_are_single_requests_and_the_return_is_told() -> None:
    async def scene() -> None:
        flag = Flag()
        async with (
            origin(flag.serve) as bad,
            origin(always(ok())) as good,
            watched(a_mesh(bad, good, **QUICK)) as (stage, warden),
        ):
            flag.broken = True
            await ejected(stage, warden)
            flag.broken, flag.asked = False, 0
            answers = set()

            def is_probed() -> bool:
                return warden.told()[0].state != "ejected"

            await until(is_probed)
            while warden.told():
                answers.add(status_of(await stage.ask(GET)))
                await asyncio.sleep(0.01)
            assert answers == {200}
            assert flag.asked >= 2
            phases = [one.phase for one in warden.take() if one.rule == "error_rate"]
            assert (phases[0], phases[-1]) == ("failing", "recovered")
            text = text_of(healing_of(warden, Stall()))
            assert 'meshproxy_upstream_ejections_total{rule="error_rate"}' in text

    run(scene())


def test_what_may_not_be_sent_twice_probes_nobody_so_the_endpoint_is_dialled() -> None:
    async def scene() -> None:
        flag = Flag()
        async with (
            origin(flag.serve) as bad,
            origin(always(ok())) as good,
            watched(a_mesh(bad, good, **QUICK)) as (stage, warden),
        ):
            flag.broken = True
            await ejected(stage, warden)
            flag.asked = 0

            async def posted() -> None:
                while warden.told() and warden.told()[0].state in ("ejected", "probing"):
                    assert status_of(await stage.say(POST)) == 200
                    await asyncio.sleep(0.01)

            async with asyncio.timeout(20):
                await posted()
            assert flag.asked == 0

    run(scene())


def test_a_group_whose_only_endpoint_is_ejected_ignores_that_and_counts_it() -> None:
    async def scene() -> None:
        async with (
            origin(always(ok())) as one,
            origin(always(ok())) as other,
            origin(always(ok())) as third,
            watched(a_mesh(one, other, third, group="a")) as (stage, warden),
        ):
            assert status_of(await stage.ask(GET)) == 200
            members = stage.listener.members()
            first = next(iter(members))
            for peer in members:
                peer.stats.attempts += 50
                peer.stats.answered += 50 if peer is not first else 0
                peer.stats.server_error += 50 if peer is first else 0
            await until(warden.told)
            assert first.steps == 0
            assert warden.panics == 1
            assert status_of(await stage.ask(GET)) == 200

    run(scene())


def test_a_worker_gives_the_shares_that_it_is_told_and_takes_them_back() -> None:
    current = a_mesh(1, 2, 3)
    told = Told(current, Holder())
    key = ("stock", "s2", f"{LOOPBACK}:2")
    told.regard(Regard(shares=((*key, 0),), offered=(key,)))
    member, everyone = current.table.members[key], current.table.targets["stock"].everyone
    assert member.steps == 0
    assert member not in everyone.schedule
    assert everyone.probe is member
    told.regard(Regard())
    assert member.steps == 20
    assert member in everyone.schedule
    assert everyone.probe is None
