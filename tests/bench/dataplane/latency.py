"""What a proxy adds to latency when it is half busy, over asking the origin itself."""

from __future__ import annotations

import contextlib
import statistics

from tests.bench.dataplane import loads
from tests.bench.dataplane.contenders.roles import Contender
from tests.bench.dataplane.loads import BadAnswers
from tests.bench.dataplane.machine import NotServed
from tests.bench.dataplane.rounds import Run, quiet
from tests.bench.dataplane.stand import Row, Stand
from tests.bench.dataplane.toolbox import NoTool
from tests.bench.table import Figure

ADDED_LIMIT_MS = 1.0
TITLE = "latency added at half load"
_WARM_SECONDS = 2


def half_load(
    stand: Stand, contenders: dict[str, Contender], rounds: int, seconds: int
) -> list[Figure]:
    """Half of what ours serves on one core, sent at a fixed rate to everybody in turn."""
    runs: dict[str, list[Run]] = {}
    with contextlib.ExitStack() as running:
        origin = stand.origins["load"]
        rows = {"direct": Row(port=origin, pids=())}
        try:
            rate = _half(stand, contenders["ours"])
            for name, contender in contenders.items():
                rows[name] = running.enter_context(stand.row(name, contender, ("plain",), "load"))
            for _ in range(rounds):
                for name, row in rows.items():
                    run = quiet(
                        stand,
                        row,
                        lambda at: loads.at_rate(stand.ground, origin, at, rate, seconds),
                    )
                    runs.setdefault(name, []).append(run)
        except (NotServed, NoTool, BadAnswers) as reason:
            return [Figure(name=TITLE, value=0, unit="", note=f"not measured: {reason}")]
    return _figures(runs, rate)


def _half(stand: Stand, ours: Contender) -> float:
    with stand.row("half", ours, ("plain",)) as row:
        run = quiet(stand, row, lambda at: loads.wrk(stand.ground, at, _WARM_SECONDS))
    return 1e6 / run.cpu_us / 2


def _figures(runs: dict[str, list[Run]], rate: float) -> list[Figure]:
    made = []
    for name, each in runs.items():
        if name == "direct":
            continue
        added = {which: _added(each, runs["direct"], which) for which in ("p50", "p99")}
        limit = ADDED_LIMIT_MS if name == "ours" else None
        for which, value in added.items():
            made.append(
                Figure(
                    name=f"{TITLE}: {name}, {which}",
                    value=value,
                    unit="ms",
                    limit=limit if which == "p99" else None,
                    note=f"{rate:.0f} requests/s" if name == "ours" else "",
                )
            )
    return made


def _added(through: list[Run], direct: list[Run], which: str) -> float:
    pairs = zip(through, direct, strict=True)
    return statistics.median(_read(a, which) - _read(b, which) for a, b in pairs)


def _read(run: Run, which: str) -> float:
    return (run.p50_ms if which == "p50" else run.p99_ms) or 0.0
