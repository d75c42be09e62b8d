"""Named places at which a drill kills this process: before and after what must not be half done.

`MESH_CRASHPOINT=name` ends the process with SIGKILL where that name is reached, as a power cut
would: nothing is flushed, closed or told. `MESH_CRASHPOINT_LOG=file` writes down each name that is
reached, so that a drill finds the points instead of keeping a list of them. Without either variable
a point costs two looks into the environment; they are on no request's way.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

VARIABLE = "MESH_CRASHPOINT"
LOG_VARIABLE = "MESH_CRASHPOINT_LOG"


def reached(name: str) -> None:
    """Say that a point is reached; does not come back where it is the one to end at."""
    log = os.environ.get(LOG_VARIABLE)
    if log:
        _note(log, name)
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def around(name: str) -> Iterator[None]:
    """A call of something outside: a point before it, and one after it when it came back."""
    reached(f"{name}:before")
    yield
    reached(f"{name}:after")


def written(name: str) -> None:
    """A durable write: a point now, with everything written and nothing committed, and one right
    after the commit."""
    reached(f"{name}:before")
    transaction.on_commit(lambda: reached(f"{name}:after"))


def _note(log: str, name: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{name}\n".encode())
    finally:
        os.close(descriptor)
