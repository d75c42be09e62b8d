"""Where slow work is done: actuators and probes, beside the tick and never twice at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from django.db import connections

logger = logging.getLogger(__name__)

WORKERS = 4
WAITING = 64
"""More jobs than this are not taken: the next tick asks for them again."""
Job = Callable[[], object]


class Hands(Protocol):
    """Somebody who does jobs."""

    def do(self, name: str, job: Job) -> bool:
        """Do it soon, unless a job of that name is not done yet; False then."""


class Inline:
    """Does each job at once, on the caller's time: for a process that has nothing else to do."""

    def do(self, name: str, job: Job) -> bool:
        """Done when it comes back; what fails is logged and tried again by the next tick."""
        try:
            job()
        except Exception:  # logged; the next tick finds the row as it stands and asks again
            logger.exception("casework failed", extra={"job": name})
        return True


class Threads:
    """A few threads; a tick goes on while an actuator takes its time."""

    def __init__(self, workers: int = WORKERS) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="casework")
        self._names: set[str] = set()
        self._lock = threading.Lock()

    def do(self, name: str, job: Job) -> bool:
        """Begin it unless its name is taken, or too much waits already."""
        with self._lock:
            if name in self._names or len(self._names) >= WAITING:
                return False
            self._names.add(name)
        self._pool.submit(self._run, name, job)
        return True

    def _run(self, name: str, job: Job) -> None:
        try:
            job()
        except Exception:  # logged; the next tick finds the row as it stands and asks again
            logger.exception("casework failed", extra={"job": name})
        finally:
            with self._lock:
                self._names.discard(name)
            connections.close_all()
