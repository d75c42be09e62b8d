"""The load generators, each on the core of the origin, and what they tell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec

from meshconsole.demo.ports import HOST
from tests.bench.dataplane.certificates import Certificates
from tests.bench.dataplane.contenders.ours import CALLED
from tests.bench.dataplane.machine import LOAD_CORE, pinned
from tests.bench.dataplane.toolbox import compiled

CONNECTIONS = 64
HANDSHAKES_AT_ONCE = 32
HEADERS = {
    "User-Agent": "bench/1.0",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "X-Request-Id": "3f2b8c1e-7a4d-4e2a-9c1b-0d5e6f7a8b9c",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
FAILED_LIMIT = 0.005
"""Share of requests; the origin's and h2load's own races at the end of a run fail a few."""
CALL = b"\0\0\0\0\x40" + b"g" * 64
"""A gRPC message of 64 bytes."""
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class BadAnswers(Exception):
    """So many requests were not answered well that a figure would say nothing."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a generator saw."""

    requests: int
    """Answered well."""
    failed: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bench runs."""

    folder: Path
    certificates: Certificates


def wrk(_ground: Ground, port: int, seconds: int, path: str = "/small") -> Loaded:
    """As fast as it goes over kept HTTP/1.1 connections."""
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    for name, value in {"Host": CALLED, **HEADERS}.items():
        argv += ["-H", f"{name}: {value}"]
    out = _output([*argv, f"http://{HOST}:{port}{path}"], seconds)
    found = re.search(r"(\d+) requests in", out)
    if found is None or "Non-2xx" in out or "Socket errors" in out:
        raise BadAnswers(f"wrk was not answered well: {_last(out)}")
    return Loaded(
        requests=int(found[1]), p50_ms=_percentile(out, "50%"), p99_ms=_percentile(out, "99%")
    )


def large(ground: Ground, port: int, seconds: int) -> Loaded:
    """The same for answers of 10 KiB."""
    return wrk(ground, port, seconds, "/10k")


def h2load(ground: Ground, port: int, seconds: int) -> Loaded:
    """gRPC-like calls: 8 connections of 16 streams. It tells no percentiles in this mode."""
    call = ground.folder / "call.bin"
    call.write_bytes(CALL)
    argv = ["h2load", "-t1", "-c8", "-m16", f"--duration={seconds}", "--warm-up-time=0"]
    argv += ["-d", str(call), "-H", f":authority: {CALLED}"]
    headers = {"content-type": "application/grpc", "te": "trailers"}
    for name in ("User-Agent", "X-Request-Id", "traceparent"):
        headers[name.lower()] = HEADERS[name]
    for name, value in headers.items():
        argv += ["-H", f"{name}: {value}"]
    out = _output([*argv, f"http://{HOST}:{port}/small"], seconds)
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
    well = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", out)
    if found is None or well is None:
        raise BadAnswers(f"h2load was not answered well: {_last(out)}")
    return _sound(Loaded(requests=int(found[1]), failed=int(found[2]) + int(found[3])))


def handshakes(ground: Ground, port: int, seconds: int) -> Loaded:
    """Full mutual TLS handshakes, each proven by an answer."""
    files = ground.certificates
    argv = [compiled("hs_load", ground.folder), str(port)]
    argv += [str(files.ca), str(files.leaf), str(files.key)]
    return _told(_output([*argv, str(HANDSHAKES_AT_ONCE), str(seconds)], seconds))


def at_rate(ground: Ground, origin: int, port: int, rate: float, seconds: int) -> Loaded:
    """HTTP/1.1 at a fixed rate; latency counts from when a request was due. The load answers at
    the port `origin` itself."""
    ends = [str(origin), str(port)]
    argv = [compiled("rate_load", ground.folder), *ends, "/small", str(CONNECTIONS)]
    return _told(_output([*argv, f"{rate:.0f}", str(seconds)], seconds))


def _told(out: str) -> Loaded:
    return _sound(msgspec.json.decode(out, type=Loaded))


def _sound(loaded: Loaded) -> Loaded:
    if not loaded.requests or loaded.failed > FAILED_LIMIT * loaded.requests:
        raise BadAnswers(f"{loaded.failed} failed, {loaded.requests} did not")
    return loaded


def _output(argv: list[str], seconds: int) -> str:
    ran = subprocess.run(
        pinned(LOAD_CORE, argv), capture_output=True, text=True, timeout=seconds + 60
    )
    if ran.returncode:
        raise BadAnswers(f"{Path(argv[0]).name} failed: {_last(ran.stderr)}")
    return ran.stdout


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    odd = [line for line in lines if "Non-2xx" in line or "errors" in line or "failed" in line]
    return (odd or lines or ["it said nothing"])[-1]


def _percentile(out: str, which: str) -> float | None:
    found = re.search(rf"\s{which}\s+([\d.]+)(us|ms|s|m)\s", out)
    return float(found[1]) * _MILLISECONDS[found[2]] if found else None
