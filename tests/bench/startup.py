"""How long until the console is usable: a later start, and the first one of a fresh clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from meshconsole.demo.launch import DemoFailed, launched, plain_environment
from tests.bench.table import Figure

ROOT = Path(__file__).resolve().parent.parent.parent
FIRST_SECONDS = 600.0


def later() -> list[Figure]:
    """Start in an empty state folder, then again in the same one."""
    with tempfile.TemporaryDirectory(prefix="mesh-bench-") as folder:
        seconds = []
        for _ in range(2):
            with launched(Path(folder), "--port", "8400") as demo:
                seconds.append(demo.ready_seconds)
    return [
        Figure(name="demo start, empty state", value=seconds[0], unit="s", limit=10),
        Figure(name="demo start, later", value=seconds[1], unit="s", limit=10),
    ]


def first() -> list[Figure]:
    """`make demo` in a fresh copy of the tree: a new .venv, everything installed with pip."""
    with tempfile.TemporaryDirectory(prefix="mesh-bench-") as folder:
        tree = Path(folder) / "tree"
        tracked = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
        ).stdout
        for name in filter(None, tracked.decode().split("\0")):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        began = time.monotonic()
        with (Path(folder) / "out").open("wb") as out:
            process = subprocess.Popen(
                ["make", "demo", "ARGS=--port 8500 --seconds 1"],
                cwd=tree,
                env={**plain_environment(), "PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        seconds = _until(process, tree / ".meshconsole" / "demo.json", began)
        process.wait(60)
    return [Figure(name="demo start, first (fresh clone)", value=seconds, unit="s", limit=90)]


def _until(process: subprocess.Popen[bytes], path: Path, began: float) -> float:
    pause = threading.Event()
    while not path.exists():
        if process.poll() is not None or time.monotonic() - began > FIRST_SECONDS:
            process.kill()
            raise DemoFailed("the first demo did not come up")
        pause.wait(0.05)
    return time.monotonic() - began
