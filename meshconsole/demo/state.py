"""The folder of one demo: its lock, its logs, and `demo.json` for scripts that drive it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec


class AlreadyRunning(Exception):
    """Another demo uses the same folder."""


class ProcessLine(msgspec.Struct, frozen=True):
    """One child as scripts see it."""

    name: str
    pid: int
    ports: list[int]


class ServiceLine(msgspec.Struct, frozen=True):
    """One sample instance: where its application is told what to do and counts what it got."""

    instance: str
    app: str
    unit: str
    group: str
    control: str
    sidecar_admin: str


class DemoFile(msgspec.Struct, frozen=True):
    """`demo.json`: all a script needs but the password."""

    console: str
    user: str
    entrance: str
    processes: list[ProcessLine]
    services: list[ServiceLine]
    load: str
    control: str = ""
    """The supervisor's socket."""


class State:
    """Paths below the state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self.tokens = self.folder / "tokens"
        self.sidecars = self.folder / "sidecars"
        self.demo_json = self.folder / "demo.json"
        self.effects = self.folder / "effects.jsonl"
        self._lock_path = self.folder / "demo.lock"
        self._lock: int | None = None

    def open(self) -> None:
        """Make the folders and lock them; raises AlreadyRunning."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.logs, self.tokens, self.sidecars):
            folder.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise AlreadyRunning(
                f"A demo already runs in {self.folder} (pid {holder}). Stop it with Ctrl-C in its "
                f"terminal or 'kill {holder}', or start this one in another folder: "
                "MESH_STATE_DIR=/some/folder make demo."
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock
        self.demo_json.unlink(missing_ok=True)

    def write(self, demo: DemoFile) -> None:
        """Replace `demo.json` in one step: a reader sees a whole file or none."""
        fresh = self.demo_json.with_suffix(".json.new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(demo), indent=1) + b"\n")
        fresh.replace(self.demo_json)

    def close(self) -> None:
        """Remove `demo.json` and let the folder go."""
        if self._lock is not None:
            self.demo_json.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def write_secret(path: Path, text: str) -> None:
    """Write a file only its owner can read, never readable for a moment."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    fresh.replace(path)
