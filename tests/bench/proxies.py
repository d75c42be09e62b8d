"""CPU per request of our proxy beside its peers, interleaved in one run, read as ratios.

The proxy has one core; the load generator (wrk) and the origin (nginx) have the other.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from meshconsole.demo.ports import HOST, Ports
from tests.bench.peers import Peer, contenders, upstream
from tests.bench.table import Figure
from tests.harness.wait import eventually

ROUNDS = 5
SECONDS = 6
CONNECTIONS = 64
_TICKS = os.sysconf("SC_CLK_TCK")
HEADERS = (
    "User-Agent: bench/1.0",
    "Accept: application/json",
    "Accept-Encoding: gzip, deflate",
    "X-Request-Id: 3f2b8c1e-7a4d-4e2a-9c1b-0d5e6f7a8b9c",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


def proxies() -> list[Figure]:
    """Microseconds of CPU per request and, per round, the ratio of each peer to ours."""
    missing = [name for name in ("wrk", "nginx", "taskset") if not shutil.which(name)]
    if missing:
        note = f"not installed: {', '.join(missing)}"
        return [Figure(name="proxy CPU per request", value=0, unit="us", note=note)]
    costs: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="mesh-bench-") as folder:
        ports = Ports(first=24000)
        origin = ports.take()
        argv, files = upstream(Path(folder), origin)
        with _running(argv, files, Path(folder), 1, origin):
            for _ in range(ROUNDS):
                for name, peer in contenders().items():
                    cost = _measured(peer, Path(folder), ports.take(), origin)
                    costs.setdefault(name, []).append(cost)
        ports.release()
    return [figure for name, values in costs.items() for figure in _figures(name, values, costs)]


def _figures(name: str, values: list[float], costs: dict[str, list[float]]) -> list[Figure]:
    found = [Figure(name=f"proxy HTTP/1.1, {name}", value=statistics.median(values), unit="us/req")]
    if name != "ours":
        ratios = [theirs / mine for theirs, mine in zip(values, costs["ours"], strict=True)]
        median = statistics.median(ratios)
        found.append(Figure(name=f"  {name} costs, as a multiple of ours", value=median, unit="x"))
    return found


def _measured(peer: Peer, folder: Path, port: int, origin: int) -> float:
    argv, files = peer(folder, port, origin)
    with _running(argv, files, folder, 0, port) as process:
        _load(port, 1)
        before = _cpu_seconds(process.pid)
        requests = _load(port, SECONDS)
        return (_cpu_seconds(process.pid) - before) / requests * 1e6


@contextmanager
def _running(
    argv: list[str], files: dict[str, str], folder: Path, core: int, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    for name, text in files.items():
        (folder / name).write_text(text)
    pinned = ["taskset", "-c", str(core % (os.cpu_count() or 1)), *argv]
    process = subprocess.Popen(
        pinned, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def serves() -> bool:
        try:
            return httpx.get(f"http://{HOST}:{port}/small", timeout=2).is_success
        except httpx.HTTPError:
            return False

    try:
        eventually(serves, timeout=15, what=f"{argv[0]} serves")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _load(port: int, seconds: int) -> int:
    """Requests answered; raises when wrk saw an error."""
    core = str(1 % (os.cpu_count() or 1))
    argv = ["taskset", "-c", core, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
    argv += [part for header in HEADERS for part in ("-H", header)]
    out = subprocess.run(
        [*argv, f"http://{HOST}:{port}/small"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"(\d+) requests in", out)
    if found is None or "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError(f"wrk was not answered well:\n{out}")
    return int(found[1])


def _cpu_seconds(pid: int) -> float:
    """CPU of a process and its children so far."""
    total = 0.0
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
        for task in Path(f"/proc/{each}/task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
    return total
