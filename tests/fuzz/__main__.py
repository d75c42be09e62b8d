"""`make fuzz`: every target for some seconds each, guided by coverage where atheris is there.

`make fuzz ARGS="requests --seconds 300"` runs one target; `ARGS="live --requests 1000000"` sends
mutated requests through a real proxy.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import monotonic

from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS

LIVE = ("live", "live-http2")
EVERY = (*TARGETS, *LIVE)


def main() -> int:
    """The status is 0 when every law held."""
    given = _given()
    folder = Path(tempfile.mkdtemp(prefix="mesh-fuzz-"))
    results = {name: _run(name, given, folder) for name in given.targets or EVERY}
    print(f"{Counter(results.values())[True]} of {len(results)} held")
    return 0 if all(results.values()) else 1


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=...", allow_abbrev=False)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(EVERY))
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--requests", type=int, default=20_000, help="of each live target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("auto", "atheris", "own"), default="auto")
    given = parser.parse_args()
    unknown = set(given.targets) - {*EVERY}
    if unknown:
        parser.error(f"{', '.join(unknown)}: choose from {', '.join(EVERY)}")
    if given.engine == "auto":
        given.engine = "atheris" if importlib.util.find_spec("atheris") else "own"
    return given


def _run(name: str, given: argparse.Namespace, folder: Path) -> bool:
    print(f"== {name}", flush=True)
    if name in LIVE:
        from tests.fuzz.live import live

        tally = live(name, given.requests, given.seed)
        print(tally)
        return tally.is_clean
    if given.engine == "atheris":
        command = [sys.executable, "-m", "tests.fuzz.guided", name, str(folder), str(given.seconds)]
        return subprocess.run(command).returncode == 0
    return _own(name, given.seconds, given.seed)


def _own(name: str, seconds: float, seed: int) -> bool:
    ends = monotonic() + seconds
    for count, data in enumerate(mutated(name, seed), 1):
        try:
            TARGETS[name](data)
        except Exception as error:
            print(f"input {count} of seed {seed}, {data!r}: {type(error).__name__}: {error}")
            return False
        if monotonic() > ends:
            print(f"{count} inputs")
            return True
    return True


if __name__ == "__main__":
    sys.exit(main())
