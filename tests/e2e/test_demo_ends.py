"""However a demo ends, nothing of it is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from meshconsole.demo.launch import Launched, launched
from tests.harness.wait import eventually


def running(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and not _is_zombie(pid)]


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def everybody(demo: Launched) -> list[int]:
    """Every process that carries the demo's state folder in its environment."""
    mark = f"MESH_STATE_DIR={demo.folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("how", ["seconds", "killed"])
def test_nothing_outlives_the_demo(how: str, tmp_path: Path) -> None:
    arguments = ["--port", "8300", "--rate", "5"]
    if how == "seconds":
        arguments += ["--seconds", "4"]
    with launched(tmp_path / "s", *arguments) as demo:
        pids = everybody(demo) + [each.pid for each in demo.demo.processes]
        assert len(set(pids)) > 20
        if how == "killed":
            os.kill(demo.process.pid, signal.SIGKILL)
        demo.process.wait(40)
        eventually(lambda: not running(pids), timeout=30, what=f"{running(pids)} ended")
        if how != "killed":
            assert not (tmp_path / "s" / "demo.json").exists()
            assert demo.process.returncode == 0
