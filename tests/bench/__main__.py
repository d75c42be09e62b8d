"""`make bench`: every figure that is promised, as a table and one JSON line."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from meshconsole.demo.launch import launched
from meshconsole.drill.stage import Stage
from tests.bench import running
from tests.bench.pages import pages
from tests.bench.proxies import proxies
from tests.bench.startup import first, later
from tests.bench.table import Figure, table


def demo() -> list[Figure]:
    """Everything that is measured on one running demo."""
    with (
        tempfile.TemporaryDirectory(prefix="mesh-bench-") as folder,
        launched(Path(folder), "--port", "8400") as started,
    ):
        stage = Stage(Path(folder), started.password, lambda line: None)
        return [
            *running.sidecar_memory(stage),
            *running.first_load(stage),
            *running.click(stage),
            *running.failure_to_row(started, stage),
        ]


def sidecars() -> list[Figure]:
    """A thousand simulated sidecars at one daemon, in a process of their own."""
    out = subprocess.run(
        [sys.executable, "-m", "tests.bench.sidecars", "--streams", "1000"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    told = json.loads(out.splitlines()[-1])
    limits = {"change_to_last_ack_ms": 1000.0, "kb_per_stream": 60.0}
    return [
        Figure(name=f"1,000 sidecars: {name}", value=float(value), unit="", limit=limits.get(name))
        for name, value in told.items()
        if isinstance(value, int | float)
    ]


PARTS: dict[str, Callable[[], list[Figure]]] = {
    "start": later,
    "first": first,
    "demo": demo,
    "pages": pages,
    "sidecars": sidecars,
    "proxies": proxies,
}
USUAL = ("start", "demo", "pages", "sidecars", "proxies")


def main() -> None:
    """Measure the parts that were named, or all but the first start, which installs packages."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", default=USUAL, help=f"of {', '.join(PARTS)}")
    chosen = parser.parse_args().parts
    figures: list[Figure] = []
    for name in chosen:
        if name not in PARTS:
            parser.error(f"{name!r} is not one of {', '.join(PARTS)}")
        measured = PARTS[name]()
        figures += measured
        print(table(measured), flush=True)
    short = [figure.name for figure in figures if not figure.ok]
    values = {figure.name.strip(): round(figure.value, 3) for figure in figures}
    print(json.dumps({"bench": list(chosen), "short": short, "figures": values}))


if __name__ == "__main__":
    main()
