"""The part `outliers` of the bench: one fault after the other, by each contestant alike."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic

import msgspec

from meshconsole.demo.ports import Ports
from proxy.aio import spawn
from tests.bench.dataplane.contenders.installed import missing
from tests.bench.dataplane.machine import PROXY_CORE, started, stop
from tests.bench.outliers.callers import Callers
from tests.bench.outliers.contestants import Contestant, contestants
from tests.bench.outliers.faults import Fault, Origin
from tests.bench.table import Figure

POOLS = (3, 10)
RATE = 400.0
"""Requests a second, together."""
WARM_SECONDS = 2.0
LOOK_SECONDS = 0.05
SHARED = ("half, shared", "dead, shared")
CASES: dict[str, tuple[Fault, bool]] = {
    "dead": ("dead", False),
    "half": ("half", False),
    "fifth": ("fifth", False),
    "slow": ("slow", False),
    "half, shared": ("half", True),
    "dead, shared": ("dead", True),
}
"""What goes wrong, and whether with all of them."""
NEVER = float("inf")


class Outcome(msgspec.Struct):
    """One run."""

    found_after: float = NEVER
    """Seconds from the fault until the bad endpoint was ejected."""
    failed: int = 0
    """Requests that their caller saw fail, after the fault."""
    wrongly: int = 0
    """Endpoints that were ejected and are well, or share their fault with all."""


def outliers(
    pools: Sequence[int] = POOLS,
    cases: Sequence[str] = tuple(CASES),
    rounds: int = 3,
    seconds: float = 4.0,
) -> list[Figure]:
    """Every fault in every pool, `seconds` after each fault; of rounds the one in the middle."""
    figures = [_untold(sentence) for sentence in missing(("envoy",))]
    for n in pools:
        for name in cases:
            played = {one.name: _rounds(one, n, name, rounds, seconds) for one in contestants()}
            figures += _figures(f"{n} endpoints, {name}", played, name)
    return figures


def _rounds(contestant: Contestant, n: int, name: str, rounds: int, seconds: float) -> Outcome:
    fault, is_shared = CASES[name]
    played = [
        asyncio.run(_played(contestant, range(100 * at, 100 * at + n), fault, is_shared, seconds))
        for at in range(rounds)
    ]
    return Outcome(
        found_after=median(one.found_after for one in played),
        failed=round(median(one.failed for one in played)),
        wrongly=sum(one.wrongly for one in played),
    )


async def _played(
    contestant: Contestant, seeds: Sequence[int], fault: Fault, is_shared: bool, seconds: float
) -> Outcome:
    origins = [Origin(seed) for seed in seeds]
    for origin in origins:
        await origin.start()
    with tempfile.TemporaryDirectory(prefix="mesh-outliers-") as folder:
        try:
            with _running(contestant, [one.port for one in origins], Path(folder)) as ports:
                callers = Callers(ports[0], RATE)
                await callers.run(WARM_SECONDS)
                bad = origins if is_shared else origins[:1]
                return await _broken(contestant, callers, ports[1], bad, fault, seconds)
        finally:
            for origin in origins:
                origin.stop()


@contextmanager
def _running(contestant: Contestant, to: Sequence[int], folder: Path) -> Iterator[tuple[int, int]]:
    ports = Ports()
    port, admin = ports.take(), ports.take()
    process = started(contestant.written(port, admin, to, str(folder)), folder, PROXY_CORE, port)
    try:
        yield port, admin
    finally:
        stop(process)
        ports.release()


async def _broken(
    contestant: Contestant,
    callers: Callers,
    admin: int,
    bad: Sequence[Origin],
    fault: Fault,
    seconds: float,
) -> Outcome:
    before, began = callers.failed, monotonic()
    for origin in bad:
        origin.break_as(fault)
    load = spawn(callers.run(seconds), name="load")
    outcome, ours = Outcome(), {origin.port for origin in bad}
    is_shared = len(bad) > 1
    ever: set[int] = set()
    while not load.done():
        out = await asyncio.to_thread(contestant.ejected, admin)
        ever |= out
        if out & ours and outcome.found_after == NEVER:
            outcome.found_after = monotonic() - began
        await asyncio.sleep(LOOK_SECONDS)
    await load
    callers.close()
    outcome.failed = callers.failed - before
    outcome.wrongly = len(ever if is_shared else ever - ours)
    return outcome


def _figures(title: str, found: dict[str, Outcome], name: str) -> Iterator[Figure]:
    ours, envoy = found["ours"], found.get("envoy")
    beside = {} if envoy is None else {"by Envoy": float(envoy.wrongly)}
    if name in SHARED or name == "slow":
        yield Figure(
            name=f"{title}: ejected", value=ours.wrongly + (ours.found_after < NEVER),
            unit="endpoints", limit=0, more=beside,
        )  # fmt: skip
    else:
        yield _seconds(title, ours, envoy)
    yield Figure(
        name=f"{title}: failed requests", value=ours.failed, unit="",
        limit=None if envoy is None or name in SHARED else envoy.failed + 5,
        more={} if envoy is None else {"by Envoy": float(envoy.failed)},
    )  # fmt: skip
    if name not in SHARED:
        yield Figure(
            name=f"{title}: ejected wrongly", value=ours.wrongly, unit="endpoints", limit=0,
            more=beside,
        )  # fmt: skip


def _seconds(title: str, ours: Outcome, envoy: Outcome | None) -> Figure:
    theirs = "" if envoy is None else ("never" if envoy.found_after == NEVER else "")
    more = {} if envoy is None or theirs else {"s by Envoy": envoy.found_after}
    limit = 60.0 if envoy is None or theirs else envoy.found_after + 2 * LOOK_SECONDS
    return Figure(
        name=f"{title}: found after",
        value=min(ours.found_after, 999.0),
        unit="s",
        limit=limit,
        more=more,
        note=f"{theirs} by Envoy" if theirs else "",
    )


def _untold(sentence: str) -> Figure:
    return Figure(name="not measured", value=0, unit="", note=sentence)
