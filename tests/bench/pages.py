"""Server time of the console's pages with a thousand instances in the inventory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from meshconsole.demo.launch import plain_environment
from meshconsole.demo.ports import HOST, Ports
from meshconsole.drill.console import Console
from meshconsole.drill.figures import percentile
from tests.bench.table import Figure
from tests.harness.wait import eventually

INSTANCES = 1000
APPLICATIONS = 40
ROUNDS = 20
PASSWORD = "a password of the bench"
PAGES = (
    "/",
    "/topology/",
    "/applications/",
    "/applications/app-1/",
    "/units/",
    "/units/unit1/",
    "/instances/",
    "/instances/app-1-1/",
    "/routes/",
    "/routes/app-1/",
    "/sidecars/",
    "/feed/",
    "/audit/",
)


def pages() -> list[Figure]:
    """Time every page `ROUNDS` times against a console of its own."""
    with tempfile.TemporaryDirectory(prefix="mesh-bench-") as folder, ExitStack() as stack:
        environment = {**plain_environment(), "MESH_STATE_DIR": folder}
        environment["MESH_REDIS_URL"] = _redis(Path(folder), stack)
        _run(environment, "-m", "tests.bench.estate", str(INSTANCES), str(APPLICATIONS), PASSWORD)
        ports = Ports()
        stack.callback(ports.release)
        port = ports.take()
        _console(environment, port, stack)
        console = Console(f"http://{HOST}:{port}", "bench", PASSWORD)
        return _timed(console)


def _timed(console: Console) -> list[Figure]:
    figures = []
    for path in PAGES:
        assert console.page(path).status_code == 200, path
        millis = []
        for _ in range(ROUNDS):
            began = time.monotonic()
            console.page(path)
            millis.append((time.monotonic() - began) * 1000)
        figures.append(
            Figure(
                name=f"page {path} p95, {INSTANCES} instances",
                value=percentile(millis, 95),
                unit="ms",
                limit=100,
                note=f"p50 {percentile(millis, 50):.0f}",
            )
        )
    return figures


def _redis(folder: Path, stack: ExitStack) -> str:
    from meshconsole.core import redis_server

    process, url = redis_server.start(folder)
    if process is not None:
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
    return url


def _console(environment: dict[str, str], port: int, stack: ExitStack) -> None:
    process = subprocess.Popen(
        [
            sys.executable, "-m", "daphne", "-v", "0", "-b", HOST, "-p", str(port),
            "meshconsole.asgi:application",
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    stack.callback(process.wait, 10)
    stack.callback(process.terminate)
    import httpx

    def serves() -> bool:
        try:
            return httpx.get(f"http://{HOST}:{port}/livez", timeout=5).is_success
        except httpx.HTTPError:
            return False

    eventually(serves, timeout=30, what="the console serves")


def _run(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], env=environment, check=True)
