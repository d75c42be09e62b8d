"""Links are switched to TLS and back under counted load, and outlive the console that asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshconsole.demo.launch import Launched, launched
from meshconsole.drill import switchover
from meshconsole.drill.callers import Callers
from meshconsole.drill.console import Console
from meshconsole.drill.ledger import Ledger
from meshconsole.drill.lines import PROTOCOLS, lines
from meshconsole.drill.mesh import Mesh, Sidecar
from meshconsole.drill.origins import Origins
from meshconsole.drill.scene import SERVICE
from meshconsole.drill.switching import Switch
from tests.harness.demo import process_of
from tests.harness.wait import eventually_async

SPOKEN = {*PROTOCOLS, "h1 slow", "h2 slow"}
REQUESTS = 2000


def test_up_to_strict_and_down_again_under_load_of_every_protocol() -> None:
    said: list[str] = []
    scale = msgspec.structs.replace(
        switchover.SCALE, requests=5000, changes=1, concurrency=24, rate=400.0, parts=("authority",)
    )
    figures = switchover.run(said.append, scale)
    short = [one for one in figures.short if "per second" not in one]
    assert short == [], (figures.values, said)
    seen = figures.values["authority"]
    assert isinstance(seen, dict)
    assert set(seen["answered"]) == SPOKEN


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Launched]:
    """A console's side alone."""
    with launched(tmp_path, "--port", "8300", "--bare") as demo:
        yield demo


@pytest.fixture
async def mesh(bare: Launched) -> AsyncIterator[Mesh]:
    """Sidecars that the test brings."""
    console = Console(bare.demo.console, bare.demo.user, bare.password)
    made = Mesh(bare, console)
    yield made
    made.kill()
    console.close()


async def test_strict_links_and_renewals_go_on_without_console_and_redis(
    bare: Launched, mesh: Mesh
) -> None:
    ledger = Ledger(switchover.LIMIT)
    origins = Origins(ledger)
    near, ports = await switchover.joined(mesh, await origins.listen(), 1)
    callees = frozenset(one.name for one in mesh.sidecars) - {near.name}
    callers = Callers(ledger, SERVICE, rate=400.0)
    load = asyncio.ensure_future(callers.fire(lines(PROTOCOLS, 16, ports, None)))
    await Switch(mesh, SERVICE, callees).up()

    for name in ("console", "redis"):  # neither answers, and nobody starts it again
        os.kill(process_of(bare, name).pid, signal.SIGSTOP)
    before = [await serial_of(one) for one in mesh.sidecars]
    for one in mesh.sidecars:
        assert (await one.process.ask("POST", "/renew"))[0] == 202

    async def all_renewed() -> bool:
        now = [await serial_of(one) for one in mesh.sidecars]
        return all(new != old for new, old in zip(now, before, strict=True))

    await eventually_async(all_renewed, timeout=30, what="every sidecar has another certificate")

    bare.process.kill()  # and with it all of the console's side, discovery too
    await callers.reached(ledger.done + REQUESTS)
    ledger.enough()
    await load
    origins.close()
    assert ledger.short() == [], callers.notes
    states = [await encryption_of(one) for one in mesh.sidecars if one.name in callees]
    assert [state["mode"] for state in states] == ["strict", "strict"]
    assert [state.get("plain_connections", 0) for state in states] == [0, 0]


async def encryption_of(sidecar: Sidecar) -> dict[str, Any]:
    status, body = await sidecar.process.ask("GET", "/stats")
    assert status == 200
    return dict(json.loads(body)["encryption"])


async def serial_of(sidecar: Sidecar) -> str:
    return str((await encryption_of(sidecar))["serial"])
