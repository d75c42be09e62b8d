"""Keeps children running: restarts what crashes, says so, and ends all of them in order."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from meshconsole.demo.children import Child, Process, exit_words, start
from proxy.aio import cancelled, spawn

BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_SECONDS = 20.0
"""Having run this long, a child that ends is restarted as if for the first time."""
KILLED_SECONDS = 5.0
"""A killed child has ended within this time."""
READY_PAUSE_SECONDS = 0.05
LOG_LIMIT_BYTES = 20 * 1024 * 1024
LOG_CHECK_SECONDS = 15.0


class NotReady(Exception):
    """A child did not serve in time."""


class Supervisor:
    """Owns the children of one demo."""

    def __init__(
        self,
        logs: Path,
        *,
        say: Callable[[str], None],
        on_change: Callable[[], None] = lambda: None,
        backoff_seconds: tuple[float, ...] = BACKOFF_SECONDS,
    ) -> None:
        self._logs = logs
        self._say = say
        self._on_change = on_change
        self._backoff = backoff_seconds
        self._running: dict[str, Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._logs_task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def processes(self) -> list[Process]:
        """The children running now, in the order they were first started."""
        return [self._running[name] for name in self._keepers if name in self._running]

    async def start(self, children: Iterable[Child]) -> None:
        """Start children side by side and keep them running."""
        await asyncio.gather(*(self._launch(child) for child in children))
        if self._logs_task is None:
            self._logs_task = spawn(self._trim_logs(), name="trim-logs")

    async def ready(self, children: Iterable[Child], timeout_seconds: float) -> None:
        """Wait until all of them serve; raises NotReady naming the first that does not."""
        await asyncio.gather(*(self._until_ready(child, timeout_seconds) for child in children))

    async def stop(self) -> None:
        """End every child, the highest phase first; nothing is left when this returns."""
        self._stopping.set()
        await cancelled(self._logs_task)
        phases = sorted({each.child.phase for each in self._running.values()}, reverse=True)
        for phase in phases:
            ending = [each for each in self.processes if each.child.phase == phase]
            for process in ending:
                process.terminate()
            keepers = [self._keepers[each.child.name] for each in ending]
            patience = max(each.child.stop_seconds for each in ending)
            _, late = await asyncio.wait(keepers, timeout=patience)
            if late:
                for process in ending:
                    process.signal(signal.SIGKILL)
                await asyncio.wait(keepers, timeout=KILLED_SECONDS)
        for keeper in list(self._keepers.values()):
            await cancelled(keeper)

    async def _launch(self, child: Child) -> None:
        process = await start(child, self._log_of(child))
        self._running[child.name] = process
        self._keepers[child.name] = spawn(self._keep(child, process), name=f"keep-{child.name}")

    async def _keep(self, child: Child, process: Process) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            code = await process.wait()
            del self._running[child.name]
            if self._stopping.is_set():
                return
            failures = 1 if loop.time() - started >= STEADY_SECONDS else failures + 1
            again = await self._again(child, exit_words(code), failures)
            if again is None:
                return
            process = again

    async def _again(self, child: Child, ended: str, failures: int) -> Process | None:
        """The child started anew after its pause, or None when all of it is stopping."""
        while True:
            pause = self._backoff[min(failures, len(self._backoff)) - 1]
            self._say(f"{child.name} ended ({ended}); starting it again in {pause:g} s")
            if failures > 1 and (words := last_words(self._log_of(child))):
                self._say(f"  its last words: {words}")
            if await self._stopped_within(pause):
                return None
            try:
                process = await start(child, self._log_of(child))
            except Exception as error:  # the next try may find the database or the disk again
                ended = f"could not be started: {error}"
                failures += 1
                continue
            if self._stopping.is_set():
                process.signal(signal.SIGKILL)
                await process.wait()
                return None
            self._running[child.name] = process
            self._say(f"{child.name} runs again (pid {process.pid})")
            self._on_change()
            return process

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _until_ready(self, child: Child, timeout_seconds: float) -> None:
        if child.ready is None:
            return
        loop = asyncio.get_running_loop()
        ends = loop.time() + timeout_seconds
        while not await child.ready():
            if loop.time() > ends:
                log = self._log_of(child)
                raise NotReady(
                    f"{child.name} did not serve within {timeout_seconds:g} s: see {log}."
                )
            await asyncio.sleep(READY_PAUSE_SECONDS)

    def _log_of(self, child: Child) -> Path:
        return self._logs / f"{child.name}.log"

    async def _trim_logs(self) -> None:
        while not await self._stopped_within(LOG_CHECK_SECONDS):
            for name in list(self._running):
                await asyncio.to_thread(trim_log, self._logs / f"{name}.log", LOG_LIMIT_BYTES)


def last_words(log: Path, limit: int = 200) -> str:
    """The last line of a log, cut to `limit` characters."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip()[:limit] for line in reversed(lines) if line.strip()), "")


def trim_log(log: Path, limit_bytes: int) -> None:
    """Move a log past its limit to `<name>.1`; its writer appends, so it goes on at the front."""
    if log.exists() and log.stat().st_size > limit_bytes:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        with log.open("r+b") as file:
            file.truncate(0)
