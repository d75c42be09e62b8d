"""What goes on beside the switchovers: leaves are renewed, the mesh changes its authority."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from meshconsole.drill.console import Refused
from meshconsole.drill.mesh import Mesh

LEAF_SECONDS = 20.0
STEP_SECONDS = 90.0
"""For every sidecar to take a step of a rotation."""
_LOOK_SECONDS = 0.5


class Counted(Protocol):
    """Where turns are counted."""

    turns: int


async def renewing(mesh: Mesh, seen: Counted, say: Callable[[str], None]) -> None:
    """Ask every sidecar for another leaf every LEAF_SECONDS, and see that it has it."""
    while True:
        before = {name: told.state.serial for name, told in await _states(mesh)}
        for one in mesh.sidecars:
            status, body = await one.process.ask("POST", "/renew")
            if status != 202:
                raise Refused(f"{one.name} answers {status} to /renew: {body[:200]!r}")
        due = time.monotonic() + LEAF_SECONDS
        while any(told.state.serial == before.get(name) for name, told in await _states(mesh)):
            if time.monotonic() > due:
                raise Refused(f"Not every sidecar has another leaf within {LEAF_SECONDS:.0f} s.")
            await asyncio.sleep(_LOOK_SECONDS)
        seen.turns += 1
        say(f"  every sidecar has another leaf ({seen.turns})")
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def rotating(mesh: Mesh, seen: Counted, say: Callable[[str], None]) -> None:
    """A new authority, signed with once all trust it, the old one retired once nobody shows it."""
    while True:
        made = await asyncio.to_thread(mesh.console.post, "/api/v1/authorities", _why())
        new, domain = made["generation"], made["trust_domain"]
        await _until(mesh, new, "not_trusting", "trusts")
        sure = _why() | {"confirm": domain}
        await asyncio.to_thread(mesh.console.post, f"/api/v1/authorities/{new}/sign", sure)
        await _until(mesh, new - 1, "holding", "shows no leaf of")
        await asyncio.to_thread(mesh.console.post, f"/api/v1/authorities/{new - 1}/retire", sure)
        seen.turns += 1
        say(f"  generation {new} of the authority signs, {new - 1} is retired")


async def _until(mesh: Mesh, generation: int, who: str, what: str) -> None:
    """Wait until nobody is named under `who` of a generation."""
    ends = time.monotonic() + STEP_SECONDS
    while True:
        rows = await asyncio.to_thread(mesh.console.get, "/api/v1/authorities")
        row = next(row for row in rows["results"] if row["generation"] == generation)
        if row[who] == []:
            return
        if time.monotonic() > ends:
            raise Refused(
                f"After {STEP_SECONDS:.0f} s not everybody {what} generation {generation}: "
                f"{row[who]}"
            )
        await asyncio.sleep(_LOOK_SECONDS)


async def _states(mesh: Mesh) -> list[tuple[str, Any]]:
    return list((await asyncio.to_thread(mesh.told)).items())


def _why() -> dict[str, str]:
    return {"reason": "a drill"}
