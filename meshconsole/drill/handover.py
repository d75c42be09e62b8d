"""Upgrade every proxy of a chain again and again under counted load; nothing is lost.

Callers -> a sidecar's outbound -> another's inbound -> an origin; callers with a certificate come
through a gate before the first. They speak HTTP/1.1, HTTP/2, SOFABolt and TCP. The proxies are
upgraded in turn; the gate and the first sidecar have workers, the last is one process.
Besides, one new process cannot serve and one is killed while it holds the sockets: the old ones go
on. Counted at the callers and at the origin, where every request carries its number in its head,
in its body and in its answer.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvloop

from meshconsole.drill.callers import LOOPBACK, Callers
from meshconsole.drill.certificates import issue
from meshconsole.drill.figures import percentile
from meshconsole.drill.generations import Generations
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.lines import PROTOCOLS, Papers, Ports, lines
from meshconsole.drill.origins import Origins
from meshconsole.drill.progress import shown
from meshconsole.drill.scene import SERVICE, free_ports, gate, keep, sidecar, snapshot_of
from meshconsole.drill.stage import Figures, Scale

ABOUT = "hand proxies over to new processes under counted load of every protocol; nothing lost"
SCALE = Scale(
    requests=120_000, changes=9, concurrency=48, rate=2000.0,
    protocols=PROTOCOLS, workers=2, tls=True,
)  # fmt: skip
Say = Callable[[str], None]


class Upgrades(msgspec.Struct):
    """What became of the handovers."""

    millis: list[float] = []
    """From the start of a new process until it served."""
    under_load: int = 0
    """How many were over before the last request."""


def run(say: Say, scale: Scale) -> Figures:
    """Do it, and say what was short."""
    with (
        tempfile.TemporaryDirectory(prefix="mesh-handover-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_run(Path(folder), say, scale))


async def _run(folder: Path, say: Say, scale: Scale) -> Figures:
    ledger = Ledger(scale.requests)
    origins = Origins(ledger)
    papers = issue(folder) if scale.tls else None
    chain, ports = _chain(folder, await origins.listen(), papers, scale.workers)
    callers = Callers(ledger, SERVICE, rate=scale.rate)
    try:
        for each in chain:
            await each.start()
        began = time.monotonic()
        async with shown(ledger, say):
            _, upgrades = await asyncio.gather(
                callers.fire(lines(scale.protocols, scale.concurrency, ports, papers)),
                _upgrade(chain, callers, say, scale),
            )
        seconds = time.monotonic() - began
        for each in chain:
            await each.stop()
    finally:
        for each in chain:
            each.kill()
        origins.close()
    values = ledger.values() | {
        "answered": dict(callers.answered),
        "said": dict(callers.notes),
        "handovers": len(upgrades.millis),
        "handovers_under_load": upgrades.under_load,
        "failed_on_purpose": 2,
        "new_serves_p50_ms": round(percentile(upgrades.millis, 50)),
        "new_serves_max_ms": round(max(upgrades.millis)),
        "connections": callers.dialled,
        "seconds": round(seconds, 1),
        "requests_per_second": round(scale.requests / seconds),
    }
    return Figures(values, [*ledger.short(), *_short(callers, upgrades, scale)])


def _chain(
    folder: Path, app: int, papers: Papers | None, workers: int
) -> tuple[list[Generations], Ports]:
    """The proxies, the last of the way first, and where callers dial."""
    near_in, near_out, near_admin, near_tcp = free_ports(4)
    far_in, far_out, far_admin, listen, admin = free_ports(5)
    keep(snapshot_of([far_in]), folder / "near")
    far = sidecar("far", folder, inbound=far_in, outbound=far_out, app=app, admin=far_admin)
    near = sidecar("near", folder, inbound=near_in, outbound=near_out, app=app, admin=near_admin)
    near += ["--tcp", f"{SERVICE}={LOOPBACK}:{near_tcp}", "--workers", str(workers)]
    chain = [
        Generations("far", folder, far_admin, far),
        Generations("near", folder, near_admin, near),
    ]
    if papers is None:
        return chain, Ports(near_out, near_tcp)
    flags = gate(folder, listen=listen, upstream=near_out, admin=admin, tls=papers)
    chain.append(Generations("gate", folder, admin, [*flags, "--workers", str(workers)]))
    return chain, Ports(near_out, near_tcp, listen)


async def _upgrade(chain: list[Generations], callers: Callers, say: Say, scale: Scale) -> Upgrades:
    """The handovers at even distances, the failing ones among them."""
    step = scale.requests // (scale.changes + 2)
    found = Upgrades()
    for at in range(1, scale.changes + 2):
        await callers.reached(at * step)
        each = chain[at % len(chain)]
        if at == max(1, scale.changes // 3):
            said = await each.fail_to_succeed()
            say(f"  a new {each.name} that cannot serve gave up, the old one goes on: {said}")
        if at == max(1, 2 * scale.changes // 3):
            await each.die_while_succeeding()
            say(f"  a new {each.name} was killed with the sockets in its hands; the old goes on")
        if at <= scale.changes:
            found.millis.append(await each.succeed(callers.handed_over))
            found.under_load += callers.ledger.has_more
            say(f"  handover {at}/{scale.changes}: {each.name} after {found.millis[-1]:.0f} ms")
    return found


def _short(callers: Callers, upgrades: Upgrades, scale: Scale) -> list[str]:
    short = []
    if upgrades.under_load < scale.changes:
        short.append(
            f"only {upgrades.under_load} handovers were over before the last request: send more"
        )
    silent = {"h2": "h2: GOAWAY", "bolt": "bolt: GoAway", "tcp": "tcp: session outlived a handover"}
    return short + [
        f"nobody saw what was to be seen: {note}"
        for name, note in silent.items()
        if name in scale.protocols and upgrades.under_load and not callers.notes[note]
    ]
