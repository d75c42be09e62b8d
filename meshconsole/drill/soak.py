"""A million counted requests while everything changes; nothing is lost and nothing grows.

A stand-alone proxy goes by a snapshot file in front of several origins; callers with a certificate
come through a gate before it. They speak HTTP/1.1, HTTP/2, SOFABolt and TCP. First generations
serve while the file is read again, weights move and endpoints leave and come back; then process
follows process, of both in turn; the last ones serve long again.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
import uvloop

from meshconsole.drill.callers import LOOPBACK, Callers
from meshconsole.drill.certificates import issue
from meshconsole.drill.console import Refused
from meshconsole.drill.generations import Generations
from meshconsole.drill.growth import Open, Sample, grown, kept, slopes
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.lines import PROTOCOLS, Papers, Ports, lines
from meshconsole.drill.origins import Origins
from meshconsole.drill.progress import shown
from meshconsole.drill.scene import SERVICE, free_ports, gate, snapshot_of, write
from meshconsole.drill.stage import Figures, Scale

ABOUT = "a million counted requests with reloads, swaps, churn and handovers; nothing lost or grown"
SCALE = Scale(
    requests=1_000_000, changes=100, concurrency=48, rate=0.0, protocols=PROTOCOLS, tls=True
)
ORIGINS = 4
WEIGHTS = ((100, 100, 100, 100), (50, 100, 150, 100), (100, 10, 100, 190), (1, 2, 3, 4))
QUIET_SHARE, LAST_SHARE = 0.35, 0.70
"""Between these parts of the run processes follow one another."""
SETTLE_SECONDS = 15.0

Event = Literal["reload", "swap", "leave", "return", "handover"]
Say = Callable[[str], None]
_ROUND: tuple[Event, ...] = ("swap", "leave", "reload", "return")


def plan(changes: int) -> Iterator[tuple[float, Event]]:
    """What happens at which part of the run."""
    for at in range(1, changes):
        share = at / changes
        changing = QUIET_SHARE <= share < LAST_SHARE
        yield share, "handover" if changing and at % 2 else _ROUND[(at // (1 + changing)) % 4]


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
    papers = issue(folder) if scale.tls else None
    file = folder / "snapshot.json"
    proxies, ports = _proxies(folder, file, papers, scale.workers)
    callers = Callers(ledger, SERVICE, rate=scale.rate)
    soak = Soak(proxies, origins, callers, file)
    try:
        await soak.start()
        before = [await _open(one) for one in proxies]
        began = time.monotonic()
        async with shown(ledger, say, soak.so_far):
            await asyncio.gather(
                callers.fire(lines(scale.protocols, scale.concurrency, ports, papers)),
                soak.change(scale.changes),
            )
        seconds = time.monotonic() - began
        origins.hang_up()
        after = [
            await _settled(one, was, _processes(scale))
            for one, was in zip(proxies, before, strict=True)
        ]
        for one in reversed(proxies):
            await one.stop()
    finally:
        for one in proxies:
            one.kill()
        origins.close()
    return _figures(soak, scale, before, after, seconds)


def _processes(scale: Scale) -> int:
    return 1 if scale.workers == 1 else scale.workers + 1


def _figures(
    soak: Soak, scale: Scale, before: list[Open], after: list[Open], seconds: float
) -> Figures:
    callers, found = soak.callers, slopes(soak.samples)
    processes = _processes(scale)
    last = {sample.generation: sample.resident for sample in soak.samples}
    values = callers.ledger.values() | {
        "answered": dict(callers.answered),
        "said": dict(callers.notes),
        "events": dict(soak.events),
        "generations": {one.name: one.count for one in soak.proxies},
        "slope_kb_per_100k": {name: round(kb, 1) for name, kb in found.items()},
        "resident_mb": {name: round(size / 1024**2, 1) for name, size in last.items()},
        "files": [[was.files, now.files] for was, now in zip(before, after, strict=True)],
        "tasks": [[was.tasks, now.tasks] for was, now in zip(before, after, strict=True)],
        "connections": callers.dialled,
        "seconds": round(seconds, 1),
        "requests_per_second": round(scale.requests / seconds),
    }
    short = [*callers.ledger.short(), *grown(found, processes)]
    for one, was, now in zip(soak.proxies, before, after, strict=True):
        short += [f"{one.name}: {what}" for what in kept(was, now, processes)]
        if one.restarts:
            short.append(f"{one.name}: workers had to be started again, {one.restarts} times")
    return Figures(values, short)


def _proxies(
    folder: Path, file: Path, papers: Papers | None, workers: int
) -> tuple[list[Generations], Ports]:
    """The proxy, the gate before it if there is one, and where callers dial."""
    listen, admin, tcp, gate_listen, gate_admin = free_ports(5)
    more = ["--workers", str(workers)]
    flags = [
        *("--listen", f"{LOOPBACK}:{listen}", "--snapshot", str(file)),
        *("--tcp", f"{SERVICE}={LOOPBACK}:{tcp}", "--admin", f"{LOOPBACK}:{admin}"),
        *("--handover", str(folder / "doors" / "proxy")),
    ]
    proxies = [Generations("proxy", folder, admin, [*flags, *more])]
    if papers is None:
        return proxies, Ports(listen, tcp)
    flags = gate(folder, listen=gate_listen, upstream=listen, admin=gate_admin, tls=papers)
    proxies.append(Generations("gate", folder, gate_admin, [*flags, *more]))
    return proxies, Ports(listen, tcp, gate_listen)


class Soak:
    """The changes of one run."""

    def __init__(
        self, proxies: list[Generations], origins: Origins, callers: Callers, file: Path
    ) -> None:
        self.proxies = proxies
        self.callers = callers
        self._origins = origins
        self._file = file
        self._ports: list[int] = []
        self._away: list[int] = []
        self._turn = 0
        self.events: Counter[str] = Counter()
        self.samples: list[Sample] = []

    async def start(self) -> None:
        """The origins, and the first process of each proxy."""
        self._ports = [await self._origins.listen() for _ in range(ORIGINS)]
        write(snapshot_of(self._ports), self._file)
        for one in self.proxies:
            await one.start()

    async def change(self, changes: int) -> None:
        """Every event of the plan, each when its part of the run is reached."""
        ledger = self.callers.ledger
        await self._sample()
        for share, event in plan(changes):
            await self.callers.reached(round(share * ledger.total))
            await self._sample()
            await self._do(event)
            self.events[event] += 1
            if event == "handover":
                await self._sample()
        await self.callers.reached(ledger.total)
        await self._sample()

    def so_far(self) -> str:
        """For the line of progress."""
        events = ", ".join(f"{n} {event}" for event, n in sorted(self.events.items()))
        return f"; {events or 'no event yet'}; {self.proxies[0].resident() / 1024**2:.1f} MB"

    async def _do(self, event: Event) -> None:
        match event:
            case "handover":
                turn = self.events["handover"] % len(self.proxies)
                await self.proxies[turn].succeed(self.callers.handed_over)
            case "reload":
                self.proxies[0].hang_up()
                await self._reload()
            case "swap":
                self._turn += 1
                await self._reload()
            case "leave":
                there = [port for port in self._ports if port not in self._away]
                gone = there[self._turn % len(there)]
                self._away.append(gone)
                await self._reload()
                await self._origins.leave(gone)
            case "return":
                for port in self._away:
                    await self._origins.listen(port)
                self._away = []
                await self._reload()

    async def _reload(self) -> None:
        weights = dict(zip(self._ports, WEIGHTS[self._turn % len(WEIGHTS)], strict=True))
        there = [port for port in self._ports if port not in self._away]
        write(snapshot_of(there, [weights[port] for port in there]), self._file)
        proxy = self.proxies[0]
        status, body = await proxy.ask("POST", "/reload")
        if status != 200:
            raise Refused(f"The proxy did not take its file: {body[:300].decode('latin-1')}")
        await proxy.in_step(msgspec.json.decode(body)["revision"])

    async def _sample(self) -> None:
        done = self.callers.ledger.done
        for one in self.proxies:
            await one.stats()  # a handover, or the crew, may have changed its processes
            name = f"{one.name} {one.count}"
            self.samples.append(Sample(name, done, one.resident()))


async def _open(proxy: Generations) -> Open:
    """What the process in charge holds besides the connections that it says it keeps."""
    stats = await proxy.stats()
    return Open(proxy.files() - stats.connections, stats.tasks)


async def _settled(proxy: Generations, before: Open, processes: int) -> Open:
    """The same once what the load had opened is closed again, or after a while."""
    ends = time.monotonic() + SETTLE_SECONDS
    while True:
        now = await _open(proxy)
        if not kept(before, now, processes) or time.monotonic() > ends:
            return now
        await asyncio.sleep(0.1)
