"""`make bench`: every figure that is promised, as a table and one JSON line."""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from meshconsole.demo.launch import launched
from meshconsole.drill.stage import Stage
from tests.bench import running
from tests.bench.dataplane.contenders.installed import PEERS
from tests.bench.dataplane.part import KEYS, Options, proxies
from tests.bench.outliers.part import outliers
from tests.bench.pages import pages
from tests.bench.reports import reports
from tests.bench.startup import first, later
from tests.bench.table import Figure, markdown, table, values


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
    "reports": reports,
    "outliers": outliers,
}
USUAL = ("start", "demo", "pages", "sidecars", "reports", "outliers", "proxies")


def main() -> None:
    """Measure the parts that were named, or all but the first start, which installs packages."""
    parser = _parser()
    given = parser.parse_args()
    parts = PARTS | {"proxies": functools.partial(proxies, _options(given))}
    figures: list[Figure] = []
    for name in given.parts:
        if name not in parts:
            parser.error(f"{name!r} is not one of {', '.join(parts)}")
    for name in given.parts:
        measured = parts[name]()
        figures += measured
        print(table(measured), flush=True)
    if given.markdown:
        print(markdown(figures))
    short = [figure.name.strip() for figure in figures if not figure.ok]
    print(json.dumps({"bench": list(given.parts), "short": short, "figures": values(figures)}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", default=USUAL, help=f"of {', '.join(PARTS)}, proxies")
    parser.add_argument("--markdown", action="store_true", help="print a table for a page too")
    beside = parser.add_argument_group("the part proxies")
    beside.add_argument("--cases", default=",".join(KEYS), help=f"of {','.join(KEYS)}")
    beside.add_argument("--peers", default=",".join(PEERS), help=f"of {','.join(PEERS)}")
    beside.add_argument("--rounds", type=int, default=3)
    beside.add_argument("--seconds", type=int, default=3, help="of each run")
    return parser


def _options(given: argparse.Namespace) -> Options:
    chosen = {name: tuple(getattr(given, name).split(",")) for name in ("cases", "peers")}
    for name, known in (("cases", KEYS), ("peers", PEERS)):
        strange = [each for each in chosen[name] if each and each not in known]
        if strange:
            raise SystemExit(f"--{name}: {strange[0]!r} is not one of {', '.join(known)}")
    return Options(
        cases=tuple(filter(None, chosen["cases"])),
        peers=tuple(filter(None, chosen["peers"])),
        rounds=given.rounds,
        seconds=given.seconds,
    )


if __name__ == "__main__":
    main()
