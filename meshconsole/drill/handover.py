"""Upgrade two sidecars in a chain again and again under counted load; nothing is lost.

Callers -> a sidecar's outbound -> another's inbound -> an origin. The two are upgraded in turn; the
first has two workers, the second is one process.
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

import uvloop

from meshconsole.drill.callers import Callers
from meshconsole.drill.figures import percentile
from meshconsole.drill.generations import Generations
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.origins import Origins
from meshconsole.drill.progress import shown
from meshconsole.drill.scene import SERVICE, free_ports, keep, sidecar, snapshot_of
from meshconsole.drill.stage import Figures, Scale

ABOUT = "hand two sidecars over to new processes under counted load; nothing lost or repeated"
SCALE = Scale(requests=200_000, changes=10, concurrency=48, rate=4000.0)
Say = Callable[[str], None]


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
    app = await origins.listen()
    near_in, near_out, near_admin, far_in, far_out, far_admin = free_ports(6)
    keep(snapshot_of([far_in]), folder / "near")
    near = sidecar("near", folder, inbound=near_in, outbound=near_out, app=app, admin=near_admin)
    far = sidecar("far", folder, inbound=far_in, outbound=far_out, app=app, admin=far_admin)
    chain = [
        Generations("far", folder, far_admin, far),
        Generations("near", folder, near_admin, [*near, "--workers", "2"]),
    ]
    try:
        for each in chain:
            await each.start()
        callers = Callers(ledger, near_out, SERVICE, rate=scale.rate)
        began = time.monotonic()
        async with shown(ledger, say):
            _, (millis, under_load) = await asyncio.gather(
                callers.fire(scale.concurrency), _upgrade(chain, callers, say, scale)
            )
        seconds = time.monotonic() - began
        for each in chain:
            await each.stop()
    finally:
        for each in chain:
            each.kill()
        origins.close()
    values = ledger.values() | {
        "handovers": len(millis),
        "handovers_under_load": under_load,
        "failed_on_purpose": 2,
        "new_serves_p50_ms": round(percentile(millis, 50)),
        "new_serves_max_ms": round(max(millis)),
        "connections": callers.dialled,
        "seconds": round(seconds, 1),
        "requests_per_second": round(scale.requests / seconds),
    }
    short = ledger.short()
    if under_load < scale.changes:
        short.append(f"only {under_load} handovers were over before the last request: send more")
    return Figures(values, short)


async def _upgrade(
    chain: list[Generations], callers: Callers, say: Say, scale: Scale
) -> tuple[list[float], int]:
    """The handovers at even distances, the failing ones among them; how long each took, and how
    many were over before the last request."""
    step = scale.requests // (scale.changes + 2)
    millis, under_load = [], 0
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
            millis.append(await each.succeed())
            under_load += callers.ledger.sent < callers.ledger.total
            say(f"  handover {at}/{scale.changes}: {each.name} after {millis[-1]:.0f} ms")
    return millis, under_load
