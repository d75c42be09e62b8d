"""Memory: of an idle proxy, of each idle connection, and over a million requests."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from math import ceil

from tests.bench.dataplane import loads
from tests.bench.dataplane.callers import idle_callers
from tests.bench.dataplane.contenders.roles import Contender, Role
from tests.bench.dataplane.loads import BadAnswers
from tests.bench.dataplane.machine import NotServed, rss_kb
from tests.bench.dataplane.sidecar import idle_sidecar_kb
from tests.bench.dataplane.stand import Row, Stand
from tests.bench.table import Figure

CALLERS = 2000
FIRST_CALLERS = 50
"""What the first few make a process allocate once and for all is not theirs."""
REQUESTS = 1_000_000
STEPS = 8
NOISE_KB = 24.0
"""Per 100,000 requests; Envoy shows 83, HAProxy 34."""
IDLE_LIMIT_MB = 45.0
CONNECTION_LIMITS_KB: dict[Role, float] = {"plain": 12.0, "inbound": 40.0}
KINDS: dict[Role, str] = {"plain": "plaintext", "inbound": "TLS"}


def memory(stand: Stand, contenders: dict[str, Contender]) -> list[Figure]:
    """Idle processes, idle connections, and the slope."""
    made = [_idle_sidecar(stand)]
    for role in CONNECTION_LIMITS_KB:
        for name, contender in contenders.items():
            made += _connections(stand, name, contender, role)
    return made


def slope(stand: Stand, contender: Contender) -> list[Figure]:
    """Ours alone: kB that a million requests leave behind, per 100,000."""
    title = f"memory over {REQUESTS:,} requests"
    try:
        with stand.row("ours", contender, ("plain",)) as row:
            seen = _sampled(
                row, lambda seconds: loads.wrk(stand.ground, row.port, seconds).requests
            )
    except (NotServed, BadAnswers) as reason:
        return [Figure(name=title, value=0, unit="", note=f"not measured: {reason}")]
    return [
        Figure(
            name=title,
            value=rise(seen) * 100_000,
            unit="kB/100,000",
            limit=NOISE_KB,
            note=f"{seen[0][1]} kB at first, {seen[-1][1]} kB after {seen[-1][0]:,}",
        )
    ]


def rise(seen: list[tuple[int, int]]) -> float:
    """The slope through points of (requests, kB): the median over every pair (Theil and Sen)."""
    return statistics.median(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for at, earlier in enumerate(seen)
        for later in seen[at + 1 :]
    )


def _sampled(row: Row, load: Callable[[int], int]) -> list[tuple[int, int]]:
    began = time.monotonic()
    warm = load(3)
    per_second = warm / (time.monotonic() - began)
    seconds = ceil(REQUESTS / per_second / STEPS)
    seen = [(0, rss_kb(row.pids))]
    while seen[-1][0] < REQUESTS and len(seen) < 3 * STEPS:
        seen.append((seen[-1][0] + load(seconds), rss_kb(row.pids)))
    return seen


def _idle_sidecar(stand: Stand) -> Figure:
    title = "RSS of an idle sidecar of a mesh, 1,000 routes"
    try:
        value = idle_sidecar_kb(stand) / 1024
    except NotServed as reason:
        return Figure(name=title, value=0, unit="", note=f"not measured: {reason}")
    return Figure(name=title, value=value, unit="MB", limit=IDLE_LIMIT_MB)


def _connections(stand: Stand, name: str, contender: Contender, role: Role) -> list[Figure]:
    kind = KINDS[role]
    title = f"idle {kind} connection: {name}"
    tls = stand.ground.certificates if role == "inbound" else None
    try:
        with stand.row(name, contender, (role,)) as row:
            empty = rss_kb(row.pids)
            with idle_callers(row.port, FIRST_CALLERS, tls):
                before = rss_kb(row.pids)
                with idle_callers(row.port, CALLERS, tls):
                    each = (rss_kb(row.pids) - before) / CALLERS
    except (NotServed, RuntimeError) as reason:
        return [Figure(name=title, value=0, unit="", note=f"not measured: {reason}")]
    limit = CONNECTION_LIMITS_KB[role] if name == "ours" else None
    made = [Figure(name=title, value=each, unit="kB", limit=limit)]
    if role == "plain":
        made.insert(0, Figure(name=f"RSS idle, alone: {name}", value=empty / 1024, unit="MB"))
    return made
