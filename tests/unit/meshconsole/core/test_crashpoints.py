"""A named point ends the process at once, says that it was reached, or costs nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meshconsole.core import crashpoints

SOURCE = """
from meshconsole.core.crashpoints import around
with around("call"):
    print("called", flush=True)
print("came back", flush=True)
"""


def ended(point: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SOURCE],
        env={"MESH_CRASHPOINT": point, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_process_ends_before_or_after_a_call_as_if_power_had_failed() -> None:
    before, after, never = ended("call:before"), ended("call:after"), ended("other")
    assert (before.returncode, before.stdout) == (-signal.SIGKILL, "")
    assert (after.returncode, after.stdout) == (-signal.SIGKILL, "called\n")
    assert (never.returncode, never.stdout) == (0, "called\ncame back\n")


def test_points_that_are_reached_are_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "points"
    monkeypatch.setenv("MESH_CRASHPOINT_LOG", str(log))
    with crashpoints.around("call"):
        crashpoints.reached("inside")
    assert log.read_text().split() == ["call:before", "inside", "call:after"]


def test_a_call_that_fails_has_no_point_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "points"
    monkeypatch.setenv("MESH_CRASHPOINT_LOG", str(log))
    with pytest.raises(OSError, match="down"), crashpoints.around("call"):
        raise OSError("down")
    assert log.read_text().split() == ["call:before"]
