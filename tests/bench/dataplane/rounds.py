"""Interleaved rounds: every contender once per round, runs that others disturbed once more."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable

import msgspec

from tests.bench.dataplane.cases import Case
from tests.bench.dataplane.contenders.roles import Contender
from tests.bench.dataplane.loads import BadAnswers, Loaded
from tests.bench.dataplane.machine import (
    NotServed,
    busy_seconds,
    cpu_seconds,
    own_seconds,
    rss_kb,
)
from tests.bench.dataplane.stand import Row, Stand
from tests.bench.dataplane.toolbox import NoTool

FOREIGN_LIMIT = 0.04
"""Share of one core that others may take during a run that counts."""
ATTEMPTS = 3
WARM_SECONDS = 1


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One contender in one round."""

    requests: int
    failed: int
    cpu_us: float
    """CPU of the proxy per request."""
    p50_ms: float | None
    p99_ms: float | None
    rss_mb: float
    foreign: float
    """Share of one core that others took meanwhile."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One case: runs by contender, one for each round; who is not measured, and why."""

    runs: dict[str, list[Run]]
    unmeasured: dict[str, str]


def interleaved(
    stand: Stand, case: Case, contenders: dict[str, Contender], rounds: int, seconds: int
) -> Measured:
    """Measure a case; whoever cannot serve it, or answers badly, is left out with the reason."""
    runs: dict[str, list[Run]] = {}
    unmeasured: dict[str, str] = {}
    with contextlib.ExitStack() as running:
        rows: dict[str, Row] = {}
        for name, contender in contenders.items():
            try:
                opened = stand.row(name, contender, case.roles, case.speaks)
                rows[name] = running.enter_context(opened)
                case.load(stand.ground, rows[name].port, WARM_SECONDS)
            except (NotServed, NoTool, BadAnswers) as reason:
                rows.pop(name, None)
                unmeasured[name] = str(reason)
        for _ in range(rounds):
            for name, row in list(rows.items()):
                try:
                    run = quiet(stand, row, lambda at: case.load(stand.ground, at, seconds))
                except BadAnswers as reason:
                    del rows[name]
                    runs.pop(name, None)
                    unmeasured[name] = str(reason)
                else:
                    runs.setdefault(name, []).append(run)
    return Measured(runs=runs, unmeasured=unmeasured)


def quiet(stand: Stand, row: Row, load: Callable[[int], Loaded]) -> Run:
    """A run that nobody disturbed, or the least disturbed of a few; raises BadAnswers when none
    was answered well."""
    tries: list[Run] = []
    bad: BadAnswers | None = None
    for _ in range(ATTEMPTS):
        try:
            run = observed(row, [stand.origin_pid], load)
        except BadAnswers as reason:
            bad = reason
            continue
        tries.append(run)
        if run.foreign <= FOREIGN_LIMIT:
            break
    if bad is not None and not tries:
        raise bad
    return min(tries, key=lambda run: run.foreign)


def observed(row: Row, beside: Iterable[int], load: Callable[[int], Loaded]) -> Run:
    """One run; `beside` are processes that belong to the bench too."""
    beside = list(beside)
    began = time.monotonic()
    used, known = cpu_seconds(row.pids), own_seconds() + cpu_seconds(beside)
    busy = busy_seconds()
    loaded = load(row.port)
    used = cpu_seconds(row.pids) - used
    known = own_seconds() + cpu_seconds(beside) - known
    foreign = (busy_seconds() - busy - known - used) / (time.monotonic() - began)
    return Run(
        requests=loaded.requests,
        failed=loaded.failed,
        cpu_us=used / loaded.requests * 1e6,
        p50_ms=loaded.p50_ms,
        p99_ms=loaded.p99_ms,
        rss_mb=rss_kb(row.pids) / 1024,
        foreign=max(0.0, foreign),
    )
