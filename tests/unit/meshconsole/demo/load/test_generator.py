"""The generator sends at its rate whatever comes back, and counts what does."""

from __future__ import annotations

import json
from typing import Any

from meshconsole.demo.http_client import Answer, CallFailed, Client
from meshconsole.demo.http_server import Request
from meshconsole.demo.load.generator import Generator
from meshconsole.demo.load.mix import Mix
from proxy.aio import cancelled, spawn
from tests.harness.wait import eventually_async


class Entrance(Client):
    """Answers as it is told."""

    def __init__(self, status: int) -> None:
        super().__init__("127.0.0.1", 1)
        self.status = status
        self.ids: list[str] = []

    async def call(self, method: str, path: str, **rest: Any) -> Answer:
        self.ids.append(dict(rest["headers"])["x-request-id"])
        if self.status == 0:
            raise CallFailed("muted")
        return Answer(self.status, {}, b"")


def post(path: str, body: bytes) -> Request:
    return Request("POST", path, "", {}, body)


async def test_it_sends_to_every_entrance_in_turn_with_ids_of_its_own() -> None:
    doors = [Entrance(200), Entrance(200)]
    generator = Generator(list(doors), Mix(1), 5000.0, "load")
    sending = spawn(generator.loop(), name="test-load")

    async def enough() -> bool:
        return generator.stats.ok >= 40

    await eventually_async(enough)
    await cancelled(sending)
    ids = doors[0].ids + doors[1].ids
    assert len(set(ids)) == len(ids)
    assert abs(len(doors[0].ids) - len(doors[1].ids)) <= 1


async def test_refusals_and_silence_are_failures() -> None:
    generator = Generator([Entrance(503), Entrance(0)], Mix(1), 5000.0, "load")
    sending = spawn(generator.loop(), name="test-load")

    async def enough() -> bool:
        return generator.stats.failed >= 10

    await eventually_async(enough)
    await cancelled(sending)
    assert generator.stats.ok == 0
    assert set(generator.stats.statuses) == {"503", "no answer"}


async def test_its_rate_can_be_changed_and_its_counts_reset() -> None:
    generator = Generator([Entrance(200)], Mix(1), 0.0, "load")
    sending = spawn(generator.loop(), name="test-load")
    assert (await generator.handle(post("/_rate", b'{"rate": 4000}'))).status == 200

    async def some() -> bool:
        return generator.stats.sent > 5

    await eventually_async(some)
    await cancelled(sending)
    await generator.handle(post("/_stats/reset", b""))
    stats = json.loads((await generator.handle(Request("GET", "/_stats", "", {}, b""))).body)
    assert (stats["sent"], stats["rate"]) == (0, 4000)
    assert (await generator.handle(post("/_rate", b'{"rate": -1}'))).status == 400
    assert (await generator.handle(post("/_rate", b"x"))).status == 400
    assert (await generator.handle(post("/nowhere", b""))).status == 404
