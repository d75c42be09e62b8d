"""A volley sends every number once and counts every answer."""

from __future__ import annotations

from typing import Any

from meshconsole.demo.http_client import Answer, CallFailed, Client
from meshconsole.drill.volley import Volley
from proxy.aio import spawn


class Entrance(Client):
    """Fails every tenth request."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1", 1)
        self.ids: list[str] = []

    async def call(self, method: str, path: str, **rest: Any) -> Answer:
        number = dict(rest["headers"])["x-request-id"]
        self.ids.append(number)
        if number.endswith("0"):
            raise CallFailed("muted")
        return Answer(200, {}, b"")


async def test_every_number_is_sent_once_and_failures_are_not_sent_again() -> None:
    door = Entrance()
    volley = Volley(door, run="w1", path="/browse", host="gateway", total=100, rate=0)
    halfway = spawn(volley.reached(50), name="halfway")
    await volley.fire(8)
    await halfway
    assert sorted(door.ids) == sorted(f"w1.{number}" for number in range(100))
    assert (volley.done, volley.failed) == (100, 10)
    assert volley.outcomes["no answer: muted"] == 10
