"""From runs to figures: medians, and ratios within a round against what ours must reach."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from tests.bench.dataplane.cases import Case
from tests.bench.dataplane.rounds import FOREIGN_LIMIT, Measured, Run
from tests.bench.table import Figure


def figures(case: Case, measured: Measured) -> list[Figure]:
    """A row for each contender, and one for each ratio."""
    rows = [_row(case, name, runs) for name, runs in measured.runs.items()]
    for name, why in measured.unmeasured.items():
        rows.append(Figure(name=f"{case.title}: {name}", value=0, unit="", note=f"not run: {why}"))
    return rows + list(_ratios(case, measured))


def median(values: Iterable[float | None]) -> float | None:
    """Of those that are there."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratios(mine: list[Run], theirs: list[Run]) -> list[float]:
    """How many times their requests per CPU-second ours serves, round by round."""
    return [their.cpu_us / my.cpu_us for my, their in zip(mine, theirs, strict=True)]


def _row(case: Case, name: str, runs: list[Run]) -> Figure:
    cost = statistics.median(run.cpu_us for run in runs)
    more = {f"{case.what}s/s per core": 1e6 / cost}
    beside = {
        "p50 ms": median(run.p50_ms for run in runs),
        "p99 ms": median(run.p99_ms for run in runs),
        "MB": median(run.rss_mb for run in runs),
    }
    more |= {label: value for label, value in beside.items() if value is not None}
    notes = []
    if disturbed := sum(run.foreign > FOREIGN_LIMIT for run in runs):
        notes.append(f"{disturbed} of {len(runs)} rounds disturbed by others")
    if failed := sum(run.failed for run in runs):
        notes.append(f"{failed} of {sum(run.requests for run in runs)} failed")
    return Figure(
        name=f"{case.title}: {name}",
        value=cost,
        unit=f"us/{case.what}"[:12],
        more=more,
        note=", ".join(notes),
    )


def _ratios(case: Case, measured: Measured) -> Iterable[Figure]:
    mine = measured.runs.get("ours")
    for name in {**measured.runs, **case.at_least}:
        if name == "ours":
            continue
        limit = case.at_least.get(name)
        title = f"  {case.title}: ours against {name}"
        theirs = measured.runs.get(name)
        if mine is None or theirs is None:
            if limit is not None:
                note = f"not compared; wanted is >= {limit:g}"
                yield Figure(name=title, value=0, unit="x", note=note)
            continue
        each = ratios(mine, theirs)
        yield Figure(
            name=title,
            value=statistics.median(each),
            unit="x",
            limit=limit,
            at_least=True,
            note=f"rounds {min(each):.2f} to {max(each):.2f}",
        )
