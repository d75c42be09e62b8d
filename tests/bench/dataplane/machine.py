"""The machine: processes held to a core, the CPU and memory they used, and who else was there."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from meshconsole.demo.ports import HOST
from tests.bench.dataplane.contenders.roles import Written
from tests.harness.wait import eventually

PROXY_CORE, LOAD_CORE = 0, 1
READY_SECONDS = 15
_TICKS = os.sysconf("SC_CLK_TCK")


class NotServed(Exception):
    """A program ended instead of serving; says what it said."""


def pinned(core: int, argv: list[str]) -> list[str]:
    """The command line that runs on this core alone."""
    return ["taskset", "-c", str(core % (os.cpu_count() or 1)), *argv]


def started(written: Written, folder: Path, core: int, port: int) -> subprocess.Popen[bytes]:
    """Start a program and wait until it listens; raises NotServed when it ends instead."""
    for name, text in written.files.items():
        (folder / name).write_text(text)
    said = folder / f"{port}.said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            pinned(core, written.argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )

    def serves() -> bool:
        if process.poll() is not None:
            lines = said.read_text(errors="replace").strip().splitlines() or ["it says nothing"]
            raise NotServed(lines[0])
        with socket.socket() as probe:
            return probe.connect_ex((HOST, port)) == 0

    try:
        eventually(serves, timeout=READY_SECONDS, what=f"{written.argv[0]} listens")
    except BaseException:
        stop(process)
        raise
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program, politely first."""
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU of these processes so far, all their threads together."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def rss_kb(pids: Iterable[int]) -> int:
    """Memory in RAM of these processes."""
    total = 0
    for pid in pids:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
        total += int(found[1]) if found else 0
    return total


def busy_seconds() -> float:
    """CPU that the whole machine has used, without what a hypervisor took."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _waiting, irq, softirq = (int(field) for field in fields[:7])
    return (user + nice + system + irq + softirq) / _TICKS


def own_seconds() -> float:
    """CPU of this process and of every child that has ended."""
    return sum(os.times()[:4])
