"""Links: the latest word of every life of a sidecar is read back from Redis."""

from __future__ import annotations

import time

from meshconsole.telemetry import links as telemetry
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
