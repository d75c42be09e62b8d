"""What this process takes of its machine, as Prometheus's own clients name it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from proxy.metrics.text import Family, one

_PROC = Path("/proc/self")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def footprint() -> list[Family]:
    """Memory, open files, processor time and begin; nothing where the kernel does not tell."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        stat = (_PROC / "stat").read_text().rpartition(") ")[2].split()
        opened = sum(1 for _ in (_PROC / "fd").iterdir()) - 1
        booted = next(
            int(line.split()[1])
            for line in Path("/proc/stat").read_text().splitlines()
            if line.startswith("btime ")
        )
    except (OSError, StopIteration):
        return []
    seconds = (int(stat[11]) + int(stat[12])) / _TICKS
    return [
        Family("process_cpu_seconds_total", "counter", "Processor time.", one(seconds)),
        Family("process_resident_memory_bytes", "gauge", "Memory.", one(int(stat[21]) * _PAGE)),
        Family("process_open_fds", "gauge", "Open files.", one(opened)),
        Family("process_max_fds", "gauge", "Files that may be open.", one(soft)),
        Family(
            "process_start_time_seconds",
            "gauge",
            "Unix time.",
            one(booted + int(stat[19]) / _TICKS),
        ),
    ]
