"""Anomaly reports: how fast they become durable, and what a flood of forged ones does to others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.bench.table import Figure
from tests.harness import postgres


def reports() -> list[Figure]:
    """On each database that is installed."""
    return [figure for database in ("sqlite", "postgres") for figure in _of(database)]


def _of(database: str) -> Iterator[Figure]:
    name = f"reports, {database}"
    if database == "postgres" and postgres.programs() is None:
        yield Figure(name=name, value=0, unit="", note="not installed")
        return
    told = _told("tests.bench.ingest", database)
    rate = float(told["rate"])
    yield Figure(
        name=f"{name}: arrival to commit at {rate:,.0f}/s, p99",
        value=told["p99_ms"],
        unit="ms",
        limit=250,
        more={"ms p50": told["p50_ms"], "ms worst": told["worst_ms"]},
    )
    yield Figure(
        name=f"{name}: stored a second, one thread",
        value=told["at_once_per_second"],
        unit="1/s",
        limit=rate,
        at_least=True,
        more={"per second of CPU": told["per_cpu_second"]},
    )
    told = _told("tests.bench.flood", database)
    yield Figure(
        name=f"{name}: a neighbour's, in a flood, worst",
        value=told["flooded_worst_ms"],
        unit="ms",
        limit=1000,
        more={"forged a second": told["forged_offered_per_second"]},
        note=f"{told['forged_stored']} forged ones stored",
    )
    yield Figure(name=f"{name}: actions by the flood", value=told["actions"], unit="", limit=0)


def _told(module: str, database: str) -> dict[str, Any]:
    out = subprocess.run(
        [sys.executable, "-m", module, "--database", database],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ).stdout
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told
