"""A counted closed loop: so many requests with numbered ids, each sent exactly once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from meshconsole.demo.http_client import CallFailed, Client
from proxy.aio import spawn


class Volley:
    """Sends `GET path` `total` times as `<run>.<number>` and counts the answers."""

    def __init__(
        self, entrance: Client, *, run: str, path: str, host: str, total: int, rate: float
    ) -> None:
        self._entrance = entrance
        self._run = run
        self._path = path
        self._host = host
        self._rate = rate
        self.total = total
        self.sent = 0
        self.done = 0
        self.outcomes: Counter[str] = Counter()
        self.millis: list[float] = []
        self._milestones: dict[int, asyncio.Event] = {}

    async def fire(self, concurrency: int) -> float:
        """Send all of it; returns the seconds it took."""
        began = time.monotonic()
        shooters = [spawn(self._shoot(began), name="volley") for _ in range(concurrency)]
        await asyncio.gather(*shooters)
        return time.monotonic() - began

    async def reached(self, done: int) -> None:
        """Wait until so many were answered, or all."""
        done = min(done, self.total)
        if self.done < done:
            await self._milestones.setdefault(done, asyncio.Event()).wait()

    @property
    def failed(self) -> int:
        """Answers other than 200, and calls without an answer."""
        return self.done - self.outcomes["200"]

    async def _shoot(self, began: float) -> None:
        while self.sent < self.total:
            number = self.sent
            self.sent += 1
            if self._rate:
                ahead = number / self._rate - (time.monotonic() - began)
                if ahead > 0:
                    await asyncio.sleep(ahead)
            sent_at = time.monotonic()
            headers = [("host", self._host), ("x-request-id", f"{self._run}.{number}")]
            try:
                answer = await self._entrance.call("GET", self._path, headers=headers)
                self.outcomes[str(answer.status)] += 1
            except CallFailed as failure:
                self.outcomes[f"no answer: {failure}"] += 1
            self.done += 1
            if self.done in self._milestones:
                self._milestones[self.done].set()
            self.millis.append((time.monotonic() - sent_at) * 1000)
