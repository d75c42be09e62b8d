"""Start a whole demo as a process of its own and drive it: for drills, tests and bench."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from meshconsole.demo.state import DemoFile

START_SECONDS = 120.0
STOP_SECONDS = 40.0
_ROOT = Path(__file__).resolve().parent.parent.parent


class DemoFailed(Exception):
    """The demo did not come up; the text has its last words."""


class Launched(msgspec.Struct):
    """A running demo."""

    process: subprocess.Popen[bytes]
    folder: Path
    """Its state folder."""
    password: str
    ready_seconds: float
    """From the command to the first `demo.json`."""

    @property
    def demo(self) -> DemoFile:
        """What `demo.json` says now; a restarted child has a new pid in it."""
        return read_demo(self.folder)

    @property
    def output(self) -> str:
        """What it printed so far."""
        return (self.folder / "demo.out").read_text()


def read_demo(folder: Path) -> DemoFile:
    """Read `demo.json`; raises DemoFailed when no demo serves there."""
    path = folder / "demo.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoFile)
    except FileNotFoundError as error:
        raise DemoFailed(f"No demo serves in {folder}: run `make demo` first.") from error


@contextmanager
def launched(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> Iterator[Launched]:
    """A demo in `folder` that serves inside the block and is gone after it.

    Without `environment` it gets ours less what is set for the console, so that a test's settings
    or another demo's addresses do not reach it.
    """
    password = secrets.token_urlsafe(9)
    arguments = (f"--password={password}", *arguments)
    folder.mkdir(parents=True, exist_ok=True)
    began, born = time.monotonic(), time.time()
    with (folder / "demo.out").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, str(_ROOT / "manage.py"), "demo", *arguments],
            cwd=_ROOT,
            env={**(environment or plain_environment()), "MESH_STATE_DIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _await(process, folder, born)
        yield Launched(process, folder, password, time.monotonic() - began)
    finally:
        stop(process)


def plain_environment() -> dict[str, str]:
    """The surroundings less the console's settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MESH_") and name != "DJANGO_SETTINGS_MODULE"
    }


def stop(process: subprocess.Popen[bytes]) -> int:
    """End a demo as Ctrl-C would; returns its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _await(process: subprocess.Popen[bytes], folder: Path, born: float) -> None:
    """Wait for a `demo.json` written after `born`: one from a demo that was killed is stale."""
    ends = time.monotonic() + START_SECONDS
    pause = threading.Event()
    while not _is_fresh(folder / "demo.json", born):
        if process.poll() is not None or time.monotonic() > ends:
            words = (folder / "demo.out").read_text()[-2000:]
            raise DemoFailed(f"The demo did not come up in {folder}:\n{words}")
        pause.wait(0.02)


def _is_fresh(path: Path, born: float) -> bool:
    return path.exists() and path.stat().st_mtime >= born - 1.0
