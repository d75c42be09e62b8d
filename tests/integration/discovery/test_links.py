"""Links: the latest word of every life of a sidecar is read back from Redis."""

from __future__ import annotations

import time
from collections import Counter

from meshconsole.core import redis
from meshconsole.discovery.links import LIVES_LIMIT, LinkWriter
from meshconsole.telemetry import links as telemetry
from meshconsole.telemetry.links import Told
from proxy.aio import cancelled, spawn
from proxy.contract.reports import LinkCounts, LinkState
from proxy.contract.session import Links
from tests.harness.discovery import Console, active, told
from tests.harness.wait import eventually_async


def said(started: int, mode: str = "plaintext") -> Links:
    edge = LinkCounts(side="out", app="stock", protocol="http1", started=started, completed=started)
    return Links(at=time.time(), state=LinkState(mode=mode, ready=True), edges=(edge,))  # type: ignore[arg-type]


async def test_the_latest_word_of_a_sidecar_is_read_under_its_own_name(console: Console) -> None:
    stream, _ = await active(await console.joined())
    async with stream:
        await stream.say(said(3))
        await stream.say(said(8, "permissive"))

        async def seen() -> bool:
            found = await told(telemetry.read)
            return [one.edges[0].started for one in found] == [8]

        await eventually_async(seen)
        (one,) = await told(telemetry.read)
        assert one.state.mode == "permissive"
        assert one.state.ready
        assert telemetry.since([one], {}, app="stock").completed == 8


async def test_one_sidecar_that_makes_up_lives_keeps_no_more_than_its_share(
    console: Console,
) -> None:
    writer = LinkWriter(redis.async_client(), Counter(), time.time)

    async def is_kept(count: int) -> bool:
        return len(await told(telemetry.read)) == count

    def put(boot: int, instance: str = "order-1") -> None:
        writer.put(Told(instance=instance, app="order", unit="u", boot=f"b{boot}", at=time.time()))

    writing = spawn(writer.run(), name="links-under-test")
    try:
        for boot in range(4):
            put(boot)
        await eventually_async(lambda: is_kept(4))
        for boot in range(4, LIVES_LIMIT + 9):
            put(boot)
        put(1, "order-2")
        await eventually_async(lambda: is_kept(LIVES_LIMIT + 1))
    finally:
        await cancelled(writing)
    kept = {one.boot for one in await told(telemetry.read) if one.instance == "order-1"}
    assert kept == {f"b{boot}" for boot in range(9, LIVES_LIMIT + 9)}
