"""A snapshot is acknowledged when every worker has it."""

from __future__ import annotations

import asyncio

from proxy.contract.session import Ack
from tests.harness.console import ScriptedConsole, stock, whole_push
from tests.integration.proxy_agent.conftest import Member


async def test_no_ack_before_every_worker_follows(member: Member, console: ScriptedConsole) -> None:
    asked, followed = asyncio.Event(), asyncio.Event()

    async def in_step() -> None:
        asked.set()
        await followed.wait()

    member.begin_anew(in_step)
    member.start()
    stream, _ = await console.stream()
    await stream.send(whole_push(stock(), 5))
    async with asyncio.timeout(10):
        await asked.wait()
    assert member.current.v == 5
    assert not any(isinstance(said, Ack) for said in list(stream.heard._queue))  # type: ignore[attr-defined]
    followed.set()
    assert (await stream.expect(Ack)).v == 5
