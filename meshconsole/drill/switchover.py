"""Switch an application from plaintext to TLS and back under counted load; nothing is lost.

Callers -> a sidecar's outbound -> the inbounds of two others -> an origin, in a mesh with a real
console, which moves the mode up to strict and down again in the safe order, over and over. Callers
speak HTTP/1.1, HTTP/2, SOFABolt and TCP; some of them wait three seconds for each answer. Every
request carries its number in its head, in its body and in its answer, and the sidecars' own ledgers
have to balance. The same again while certificates are renewed every few seconds, and while the mesh
changes its authority.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from meshconsole.demo.launch import launched
from meshconsole.drill.callers import LOOPBACK, Callers
from meshconsole.drill.console import Console
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.lines import PROTOCOLS, Ports, lines, slow_lines
from meshconsole.drill.links import Account, account_of
from meshconsole.drill.mesh import Mesh, Sidecar
from meshconsole.drill.origins import Origins
from meshconsole.drill.progress import shown
from meshconsole.drill.renewing import renewing, rotating
from meshconsole.drill.scene import SERVICE, free_ports
from meshconsole.drill.stage import Figures, Scale
from meshconsole.drill.switching import Switch, Way
from proxy.aio import cancelled, spawn

ABOUT = "switch an application to TLS and back under counted load of every protocol; nothing lost"
SCALE = Scale(requests=500_000, changes=10, concurrency=48, rate=2000.0, protocols=PROTOCOLS)
CALLER = "shop"
PARTS = ("plain", "leaves", "authority")
"""The switchovers alone, while leaves rotate, while the authority does."""
LIMIT = 8_000_000
"""Numbers; the load goes on for as long as the switchovers take."""
SETTLE_SECONDS = 15.0

Say = Callable[[str], None]


class Run(msgspec.Struct, kw_only=True):
    """What a part has seen."""

    part: str
    ways: list[Way] = []
    under_load: int = 0
    """Ways that had ended before the last request."""
    seconds: float = 0.0
    """Of load, without the last answers."""
    turns: int = 0
    """Leaves or authorities that were changed meanwhile."""

    def left(self, scale: Scale, done: int) -> str:
        """What has still to happen before the part ends."""
        ways = 2 * scale.changes - len(self.ways)
        if ways:
            return f"{ways} of {2 * scale.changes} switchovers to go"
        return f"{max(0, scale.requests - done)} of {scale.requests} requests to go"


def run(say: Say, scale: Scale) -> Figures:
    """Do it, and say what was short."""
    values: dict[str, object] = {}
    short: list[str] = []
    for part in scale.parts or PARTS:
        say(f"Part {part}.")
        with (
            tempfile.TemporaryDirectory(prefix="mesh-switchover-") as folder,
            launched(Path(folder), "--port", "8100", "--bare") as demo,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            console = Console(demo.demo.console, demo.demo.user, demo.password)
            try:
                found = runner.run(_run(part, Mesh(demo, console), say, scale))
            finally:
                console.close()
        values[part] = found.values
        short += [f"{part}: {one}" for one in found.short]
    return Figures(values, short)


async def _run(part: str, mesh: Mesh, say: Say, scale: Scale) -> Figures:
    ledger = Ledger(LIMIT)
    origins = Origins(ledger)
    callers = Callers(ledger, SERVICE, rate=scale.rate)
    seen = Run(part=part)
    try:
        near, ports = await joined(mesh, await origins.listen(), scale.workers)
        switch = Switch(mesh, SERVICE, frozenset(one.name for one in mesh.sidecars) - {near.name})
        load = [
            *lines(scale.protocols, scale.concurrency, ports, None),
            *slow_lines(scale.protocols, scale.concurrency, ports),
        ]
        async with shown(ledger, say, left=lambda: seen.left(scale, ledger.done)):
            await asyncio.gather(
                callers.fire(load), _switch(seen, switch, mesh, callers, scale, say)
            )
        account = await _settled(mesh)
        await mesh.stop()
    finally:
        mesh.kill()
        origins.close()
    rate = ledger.total / seen.seconds
    values = ledger.values() | {
        "answered": dict(callers.answered),
        "said": dict(callers.notes),
        "switchovers": len(seen.ways),
        "up_seconds": [way.seconds for way in seen.ways if way.to == "strict"],
        "down_seconds": [way.seconds for way in seen.ways if way.to != "strict"],
        "turns": seen.turns,
        "ledger": msgspec.to_builtins(account),
        "connections": callers.dialled,
        "seconds": round(seen.seconds, 1),
        "requests_per_second": round(rate),
    }
    return Figures(values, [*ledger.short(), *account.short(), *_short(seen, scale, rate)])


async def joined(mesh: Mesh, app: int, workers: int) -> tuple[Sidecar, Ports]:
    """Two callees and their caller, and where load goes."""
    await asyncio.to_thread(mesh.name, SERVICE, CALLER)
    for name in ("far-1", "far-2"):
        await mesh.join(name, SERVICE, behind=app)
    (tcp,) = free_ports(1)
    more = ["--tcp", f"{SERVICE}={LOOPBACK}:{tcp}", "--workers", str(workers)]
    near = await mesh.join("near", CALLER, behind=app, more=more)
    return near, Ports(near.outbound, tcp)


async def _switch(
    seen: Run, switch: Switch, mesh: Mesh, callers: Callers, scale: Scale, say: Say
) -> None:
    """Up and down again, so many times, while whatever the part is about goes on."""
    beside = {"leaves": renewing, "authority": rotating}.get(seen.part)
    began = time.monotonic()
    turning = spawn(beside(mesh, seen, say), name=seen.part) if beside else None
    try:
        for at in range(scale.changes):
            for go in (switch.up, switch.down):
                seen.ways.append(way := await go())
                seen.under_load += callers.ledger.has_more
                if turning is not None and turning.done():
                    turning.result()
                say(f"  {at + 1}/{scale.changes}: {way.to} after {way.seconds:.1f} s")
        await callers.reached(scale.requests)
    finally:
        callers.ledger.enough()
        seen.seconds = time.monotonic() - began
        await cancelled(turning)


async def _settled(mesh: Mesh) -> Account:
    """The sidecars' ledgers once nothing is in flight, or as they are then."""
    ends = time.monotonic() + SETTLE_SECONDS
    while True:
        account = account_of(await asyncio.to_thread(mesh.told))
        if account.is_quiet or time.monotonic() > ends:
            return account
        await asyncio.sleep(0.25)


def _short(seen: Run, scale: Scale, rate: float) -> list[str]:
    short = []
    if seen.under_load < 2 * scale.changes:
        short.append(f"only {seen.under_load} switchovers were over before the last request")
    if scale.rate and rate < 0.97 * scale.rate:
        short.append(f"{rate:.0f} requests per second instead of {scale.rate:.0f}")
    if seen.part != "plain" and not seen.turns:
        short.append("nothing was renewed meanwhile")
    return short
