"""Healers without Celery, for drills: each a process of its own that does nothing but casework.

`python -m healer.casework.alone` reads jobs, one JSON line each: a database, variables, and for how
long. Each job is a fork of this process, so that a hundred healers cost one start, and so that one
that is killed takes nobody with it. When one has ended, a line says how.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from pathlib import Path

import django
import msgspec

TICK_SECONDS = 0.2
LOOK_SECONDS = 0.02
OUT_OF_TIME = 3
"""Exit code of a healer whose cases were not over in time."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One healer."""

    id: str
    database: str
    """Path of an SQLite file."""
    environment: dict[str, str] = {}
    seconds: float = 60.0


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How one ended: its exit code, or minus the number of the signal."""

    id: str
    code: int


def main() -> None:
    """Fork a healer for each line, and tell of each that ends, until there are no more lines."""
    django.setup()
    # Loaded before the first fork, so that no healer loads it again.
    import healer.casework.advancing  # noqa: F401

    running: dict[int, str] = {}
    source = Lines(sys.stdin.fileno())
    while source.is_open or running:
        for line in source.read(LOOK_SECONDS):
            work = msgspec.json.decode(line, type=Work)
            pid = os.fork()
            if pid == 0:
                os._exit(_healed(work))
            running[pid] = work.id
        for pid in list(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                ended = Ended(id=running.pop(pid), code=os.waitstatus_to_exitcode(status))
                sys.stdout.write(msgspec.json.encode(ended).decode() + "\n")
                sys.stdout.flush()


class Lines:
    """Whole lines of a descriptor, without waiting for more than a moment."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.is_open = True

    def read(self, seconds: float) -> list[bytes]:
        """What has come."""
        if not self.is_open:
            threading.Event().wait(seconds)
            return []
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return []
        more = os.read(self._descriptor, 65536)
        self.is_open = bool(more)
        *lines, self._rest = (self._rest + more).split(b"\n")
        return lines


def _healed(work: Work) -> int:
    """Do casework on a database until none of its cases is open; returns an exit code."""
    from django.db import connections
    from django.utils import timezone

    from healer.casework.advancing import advance
    from healer.casework.hands import Inline
    from meshconsole.healing.cases.selectors import case_open_count

    os.environ.update(work.environment)
    connections.settings["default"]["NAME"] = Path(work.database)
    pause = threading.Event()
    ends = timezone.now().timestamp() + work.seconds
    while timezone.now().timestamp() < ends:
        advance(timezone.now(), Inline())
        if not case_open_count():
            return 0
        pause.wait(TICK_SECONDS)
    return OUT_OF_TIME


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "meshconsole.settings")
    main()
