"""One child process: how it is started, that it dies with us, and how it is ended."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run."""

    name: str
    argv: tuple[str, ...]
    ports: tuple[int, ...] = ()
    env: Mapping[str, str] = {}
    phase: int = 0
    """Children of a higher phase are stopped first."""
    stop_seconds: float = 5.0
    """Killed when it has not ended this long after SIGTERM."""
    prepare: Callable[[], Awaitable[None]] | None = None
    """Run before each start, such as handing over a fresh join token."""
    ready: Callable[[], Awaitable[bool]] | None = None
    """Whether it serves; None means that running is enough."""
    death_signal: int = signal.SIGKILL
    """Sent by the kernel when the supervisor dies; a child with children of its own takes
    SIGTERM, so that it can end them."""


class Process:
    """A started child, leader of its own process group."""

    def __init__(self, child: Child, process: asyncio.subprocess.Process) -> None:
        self.child = child
        self.started_at = time.time()
        self._process = process

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def wait(self) -> int:
        """The exit code, negative for a signal; what is left of the group is ended too."""
        code = await self._process.wait()
        self.signal(signal.SIGKILL)
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; one that is gone already is no error."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def terminate(self) -> None:
        """Ask the child itself to end; it ends its own children."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()


async def start(child: Child, log: Path) -> Process:
    """Start a child with its output appended to `log`; raises OSError when it cannot run."""
    if child.prepare is not None:
        await child.prepare()
    supervisor = os.getpid()

    def die_with_supervisor() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, child.death_signal)
            if os.getppid() != supervisor:
                os._exit(1)

    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *child.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **child.env},
            start_new_session=True,
            preexec_fn=die_with_supervisor,
        )
    return Process(child, process)


def exit_words(code: int) -> str:
    """An exit code as a person says it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
