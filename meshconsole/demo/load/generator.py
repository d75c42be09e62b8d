"""Sends the mix at a rate and counts what came of it."""

from __future__ import annotations

import asyncio
import itertools

import msgspec

from meshconsole.demo.http_client import CallFailed, Client
from meshconsole.demo.http_server import Request, Response, json_response
from meshconsole.demo.load.mix import Mix, Shot
from proxy.aio import spawn

MAX_RATE = 5000.0
MAX_IN_FLIGHT = 2000
LATE_SECONDS = 1.0


class Stats(msgspec.Struct):
    """Counts since the start or the last reset."""

    rate: float
    sent: int = 0
    ok: int = 0
    failed: int = 0
    """Answered with 4xx or 5xx, or not answered."""
    late: int = 0
    """Answered, but after more than a second."""
    skipped: int = 0
    """Not sent because too many were waiting for an answer."""
    in_flight: int = 0
    statuses: dict[str, int] = {}


class RateChange(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /_rate`."""

    rate: float


class Generator:
    """One open loop over the entrances, in turn."""

    def __init__(self, entrances: list[Client], mix: Mix, rate: float, run: str) -> None:
        self.stats = Stats(rate=rate)
        self._entrances = itertools.cycle(entrances)
        self._mix = mix
        self._run = run
        self._numbers = itertools.count(1)
        self._wake = asyncio.Event()

    async def loop(self) -> None:
        """Send until cancelled; a late wake-up sends what is overdue at once."""
        clock = asyncio.get_running_loop()
        due = clock.time()
        while True:
            if self.stats.rate <= 0:
                self._wake.clear()
                await self._wake.wait()
                due = clock.time()
            due += self._mix.gap_seconds(self.stats.rate)
            pause = due - clock.time()
            if pause > 0:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), pause)
                except TimeoutError:
                    pass
                else:
                    due = clock.time()
                    continue
            elif pause < -1.0:
                due = clock.time()
            self._fire()

    async def handle(self, request: Request) -> Response:
        """Answer `/_stats`, `/_stats/reset` and `/_rate`."""
        match (request.method, request.path):
            case ("GET", "/_stats"):
                return Response(200, msgspec.json.encode(self.stats))
            case ("POST", "/_stats/reset"):
                waiting = self.stats.in_flight
                self.stats = Stats(rate=self.stats.rate, in_flight=waiting)
                return Response(200, msgspec.json.encode(self.stats))
            case ("POST", "/_rate"):
                return self._change(request.body)
        return json_response(404, {"error": "try /_stats, /_stats/reset or /_rate"})

    def _change(self, body: bytes) -> Response:
        try:
            rate = msgspec.json.decode(body, type=RateChange).rate
        except msgspec.DecodeError as error:
            return json_response(400, {"error": f"not a rate: {error}"})
        if not 0 <= rate <= MAX_RATE:
            return json_response(400, {"error": f"rate is between 0 and {MAX_RATE:g} per second"})
        self.stats.rate = rate
        self._wake.set()
        return Response(200, msgspec.json.encode(self.stats))

    def _fire(self) -> None:
        if self.stats.in_flight >= MAX_IN_FLIGHT:
            self.stats.skipped += 1
            return
        self.stats.sent += 1
        self.stats.in_flight += 1
        spawn(self._send(next(self._entrances), self._mix.next()), name="load-request")

    async def _send(self, entrance: Client, shot: Shot) -> None:
        clock = asyncio.get_running_loop()
        headers = [
            ("host", "gateway"),
            ("user-agent", "meshconsole-load"),
            ("x-request-id", f"{self._run}-{next(self._numbers)}"),
            ("traceparent", self._mix.trace_parent()),
        ]
        if shot.body:
            headers.append(("content-type", "application/json"))
        began = clock.time()
        try:
            answer = await entrance.call(shot.method, shot.path, headers=headers, body=shot.body)
            status, word = answer.status, str(answer.status)
        except CallFailed:
            status, word = 0, "no answer"
        finally:
            self.stats.in_flight -= 1
        self.stats.statuses[word] = self.stats.statuses.get(word, 0) + 1
        if 200 <= status < 400:
            self.stats.ok += 1
        else:
            self.stats.failed += 1
        if status and clock.time() - began > LATE_SECONDS:
            self.stats.late += 1
