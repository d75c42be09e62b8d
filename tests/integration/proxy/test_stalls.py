"""An event loop that was away for a while does not take that for an endpoint's silence."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest

from proxy.dialling import LATE_SECONDS, is_late
from proxy.settings import Spoken
from tests.integration.proxy.rig import Stage, always, body_of, ok, origin, relay, run

CONNECT_SECONDS = 0.1
ASKED = b"GET /x/1 HTTP/1.1\r\nHost: upstream\r\nConnection: close\r\n\r\n"


def _stall_at_the_next_dial(stage: Stage, turns: int) -> None:
    """Hold the event loop, `turns` of its rounds after a connection is first dialled, until every
    timer of the dial is long due."""
    loop = asyncio.get_running_loop()
    (member,) = stage.listener.members()
    member.connect_seconds = CONNECT_SECONDS

    def look() -> None:
        if member.opened:
            hold(turns)
        else:
            loop.call_soon(look)

    def hold(more: int) -> None:
        if more:
            loop.call_soon(hold, more - 1)
            return
        until = monotonic() + CONNECT_SECONDS + 2 * LATE_SECONDS
        while monotonic() < until:
            pass

    loop.call_soon(look)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("speaks", ["http1", "tcp"])
def test_a_dial_during_which_the_loop_was_away_is_made_again(speaks: Spoken, turns: int) -> None:
    async def scene() -> None:
        async with origin(always(ok())) as port, relay(port, speaks=speaks) as stage:
            _stall_at_the_next_dial(stage, turns)
            reader, writer = await stage.dial()
            writer.write(ASKED)
            answer = await reader.readuntil(b"ok")
            assert body_of(answer) == b"ok"
            (member,) = stage.listener.members()
            assert member.stats.errors()["connect"] == 0
            assert member.unreachable == 0
            assert stage.ear.heard == []
            writer.close()

    run(scene())


def test_a_timer_that_fired_in_time_speaks_of_the_endpoint() -> None:
    assert not is_late(began=10.0, patience=1.0, now=11.0)
    assert not is_late(began=10.0, patience=1.0, now=11.0 + LATE_SECONDS / 2)
    assert is_late(began=10.0, patience=1.0, now=11.0 + 2 * LATE_SECONDS)
