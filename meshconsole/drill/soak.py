"""A million counted requests while everything changes; nothing is lost and nothing grows.

One stand-alone proxy goes by a snapshot file in front of several origins. A first generation serves
while its file is read again, weights move and endpoints leave and come back; then process follows
process; the last one serves long again. Memory is judged within a generation, after a warm-up, by
the median of all slopes between two samples (Theil and Sen): a page of the allocator more or less
is no trend.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec
import uvloop

from meshconsole.drill.callers import Callers
from meshconsole.drill.console import Refused
from meshconsole.drill.generations import Generations
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.origins import LOOPBACK, Origins
from meshconsole.drill.progress import shown
from meshconsole.drill.scene import SERVICE, free_ports, snapshot_of, write
from meshconsole.drill.stage import Figures, Scale

ABOUT = "a million counted requests with reloads, swaps, churn and handovers; nothing lost or grown"
SCALE = Scale(requests=1_000_000, changes=100, concurrency=48, rate=0.0)
ORIGINS = 4
WEIGHTS = ((100, 100, 100, 100), (50, 100, 150, 100), (100, 10, 100, 190), (1, 2, 3, 4))
QUIET_SHARE, LAST_SHARE = 0.35, 0.70
"""Between these parts of the run processes follow one another."""
WARM_UP = 50_000
SLOPE_LIMIT_KB = 100.0
"""Per 100,000 requests; Envoy 83, HAProxy 34, nginx 0."""
FILES_SLACK = TASKS_SLACK = 5
SETTLE_SECONDS = 15.0

Event = Literal["reload", "swap", "leave", "return", "handover"]
Say = Callable[[str], None]
_ROUND: tuple[Event, ...] = ("swap", "leave", "reload", "return")


class Sample(msgspec.Struct, frozen=True):
    """Memory of a generation after so many requests."""

    generation: int
    done: int
    resident: int


def plan(changes: int) -> Iterator[tuple[float, Event]]:
    """What happens at which part of the run."""
    for at in range(1, changes):
        share = at / changes
        changing = QUIET_SHARE <= share < LAST_SHARE
        yield share, "handover" if changing and at % 2 else _ROUND[(at // (1 + changing)) % 4]


def slopes(samples: Sequence[Sample]) -> dict[int, float]:
    """Kilobytes per 100,000 requests of each generation that lived long enough to say."""
    found = {}
    for generation in sorted({sample.generation for sample in samples}):
        own = [sample for sample in samples if sample.generation == generation]
        warm = [sample for sample in own if sample.done - own[0].done >= WARM_UP]
        if len(warm) >= 8:
            found[generation] = (
                100_000
                / 1024
                * median(
                    (two.resident - one.resident) / (two.done - one.done)
                    for one, two in combinations(warm, 2)
                    if two.done > one.done
                )
            )
    return found


def run(say: Say, scale: Scale) -> Figures:
    """Do it, and say what was short."""
    with (
        tempfile.TemporaryDirectory(prefix="mesh-soak-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_run(Path(folder), say, scale))


async def _run(folder: Path, say: Say, scale: Scale) -> Figures:
    ledger = Ledger(scale.requests)
    origins = Origins(ledger)
    ports = [await origins.listen() for _ in range(ORIGINS)]
    listen, admin = free_ports(2)
    file = folder / "snapshot.json"
    write(snapshot_of(ports), file)
    flags = [
        *("--listen", f"{LOOPBACK}:{listen}", "--snapshot", str(file)),
        *("--admin", f"{LOOPBACK}:{admin}", "--handover", str(folder / "doors" / "proxy")),
    ]
    proxy = Generations("proxy", folder, admin, flags)
    callers = Callers(ledger, listen, SERVICE, rate=scale.rate)
    soak = Soak(proxy, origins, callers, ports, file)
    try:
        await proxy.start()
        before = await soak.idle()
        began = time.monotonic()
        async with shown(ledger, say, soak.so_far):
            await asyncio.gather(callers.fire(scale.concurrency), soak.change(scale.changes))
        seconds = time.monotonic() - began
        origins.hang_up()
        after = await soak.settled(before)
        await proxy.stop()
    finally:
        proxy.kill()
        origins.close()
    found = slopes(soak.samples)
    values = ledger.values() | {
        "events": dict(soak.events),
        "generations": proxy.count,
        "slope_kb_per_100k": {str(at): round(kb, 1) for at, kb in found.items()},
        "resident_mb": round(soak.samples[-1].resident / 1024**2, 1),
        "files": [before[0], after[0]],
        "tasks": [before[1], after[1]],
        "connections": callers.dialled,
        "seconds": round(seconds, 1),
        "requests_per_second": round(scale.requests / seconds),
    }
    return Figures(values, [*ledger.short(), *_grown(found, before, after)])


class Soak:
    """The changes of one run."""

    def __init__(
        self,
        proxy: Generations,
        origins: Origins,
        callers: Callers,
        ports: list[int],
        file: Path,
    ) -> None:
        self._proxy = proxy
        self._origins = origins
        self._callers = callers
        self._ports = ports
        self._file = file
        self._away: list[int] = []
        self._turn = 0
        self.events: Counter[str] = Counter()
        self.samples: list[Sample] = []

    async def change(self, changes: int) -> None:
        """Every event of the plan, each when its part of the run is reached."""
        ledger = self._callers.ledger
        self._sample()
        for share, event in plan(changes):
            await self._callers.reached(round(share * ledger.total))
            self._sample()
            await self._do(event)
            self.events[event] += 1
            if event == "handover":
                self._sample()
        await self._callers.reached(ledger.total)
        self._sample()

    async def idle(self) -> tuple[int, int]:
        """Open files and tasks of the process in charge."""
        stats = await self._proxy.stats()
        return self._proxy.files(), stats.tasks

    async def settled(self, before: tuple[int, int]) -> tuple[int, int]:
        """The same once what the load had opened is closed again, or after a while."""
        ends = time.monotonic() + SETTLE_SECONDS
        while True:
            now = await self.idle()
            if not _grown({}, before, now) or time.monotonic() > ends:
                return now
            await asyncio.sleep(0.1)

    def so_far(self) -> str:
        """For the line of progress."""
        events = ", ".join(f"{n} {event}" for event, n in sorted(self.events.items()))
        return f"; {events or 'no event yet'}; {self._proxy.resident() / 1024**2:.1f} MB"

    async def _do(self, event: Event) -> None:
        match event:
            case "handover":
                await self._proxy.succeed()
            case "reload":
                self._proxy.hang_up()
                await self._reload()
            case "swap":
                self._turn += 1
                await self._reload()
            case "leave":
                there = [port for port in self._ports if port not in self._away]
                gone = there[self._turn % len(there)]
                self._away.append(gone)
                await self._reload()
                self._origins.leave(gone)
            case "return":
                for port in self._away:
                    await self._origins.listen(port)
                self._away = []
                await self._reload()

    async def _reload(self) -> None:
        weights = dict(zip(self._ports, WEIGHTS[self._turn % len(WEIGHTS)], strict=True))
        there = [port for port in self._ports if port not in self._away]
        write(snapshot_of(there, [weights[port] for port in there]), self._file)
        status, body = await self._proxy.ask("POST", "/reload")
        if status != 200:
            raise Refused(f"The proxy did not take its file: {body[:300].decode('latin-1')}")

    def _sample(self) -> None:
        done = self._callers.ledger.done
        self.samples.append(Sample(self._proxy.count, done, self._proxy.resident()))


def _grown(found: dict[int, float], before: tuple[int, int], after: tuple[int, int]) -> list[str]:
    short = [
        f"generation {at} grew by {kb:.0f} kB per 100,000 requests"
        for at, kb in found.items()
        if kb > SLOPE_LIMIT_KB
    ]
    if abs(after[0] - before[0]) > FILES_SLACK:
        short.append(f"{before[0]} files were open before and {after[0]} after")
    if abs(after[1] - before[1]) > TASKS_SLACK:
        short.append(f"{before[1]} tasks ran before and {after[1]} after")
    return short
