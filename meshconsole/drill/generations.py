"""A proxy and its successors: real processes at one place, started, asked, handed over."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from meshconsole.drill.callers import LOOPBACK
from meshconsole.drill.console import Refused

START_SECONDS = 30.0
DRAIN_SECONDS = 30.0
_PAUSE_SECONDS = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Passing(msgspec.Struct):
    """As much as a drill reads of `/stats.handover`."""

    to: int = 0
    failed: int = 0
    error: str = ""


class Hand(msgspec.Struct):
    """As much as a drill reads of one of `/stats.workers`."""

    pid: int
    revision: int = 0
    restarts: int = 0


class Endpoint(msgspec.Struct):
    """As much as a drill reads of an endpoint."""

    connections: int = 0


class Listener(msgspec.Struct):
    """As much as a drill reads of one of `/stats.listeners`."""

    callers: int = 0
    endpoints: list[Endpoint] = []


class Stats(msgspec.Struct):
    """As much as a drill reads of `/stats`."""

    pid: int
    tasks: int = 0
    revision: int = 0
    handover: Passing = msgspec.field(default_factory=Passing)
    workers: list[Hand] = []
    listeners: dict[str, Listener] = {}

    @property
    def connections(self) -> int:
        """Of callers, and to endpoints: those that are kept for the next request, too."""
        return sum(
            door.callers + sum(endpoint.connections for endpoint in door.endpoints)
            for door in self.listeners.values()
        )


class Generations:
    """The processes that serve one command line after one another."""

    def __init__(self, name: str, folder: Path, admin: int, flags: Sequence[str]) -> None:
        self.name = name
        self.folder = folder
        self._admin = admin
        self._flags = list(flags)
        self._log = (folder / f"{name}.log").open("ab")
        self.current: subprocess.Popen[bytes] | None = None
        self.count = 0
        self.restarts = 0
        """Workers that had to be started again, at most in one process."""
        self._processes: list[int] = []
        self._started: list[subprocess.Popen[bytes]] = []

    async def start(self) -> None:
        """Start the first process and wait until it serves."""
        self.current = self._run()
        await self._serves(self.current)

    async def succeed(self, serves: Callable[[], None]) -> float:
        """Hand over to a new process, tell when it `serves`, and wait until the old one has ended;
        the milliseconds until the new one served. Raises Refused."""
        old, began = self.current, time.monotonic()
        new = self._run()
        await self._serves(new)
        millis = (time.monotonic() - began) * 1000
        self.current = new
        serves()
        if old is not None and await self._ended(old, DRAIN_SECONDS) != 0:
            raise Refused(f"The old {self.name} ended with status {old.returncode}.")
        return millis

    async def fail_to_succeed(self) -> str:
        """A new process whose admin port is taken: it must give up, and the old one go on; what it
        said."""
        before = await self.stats()
        server = await asyncio.start_server(_deaf, LOOPBACK, 0)
        taken = server.sockets[0].getsockname()[1]
        new = self._run("--admin", f"{LOOPBACK}:{taken}")
        try:
            status = await self._ended(new, START_SECONDS)
        finally:
            server.close()
        await self._still(before)
        if status != 1:
            raise Refused(f"A {self.name} that cannot serve ended with status {status}, not 1.")
        return (await self.stats()).handover.error

    async def die_while_succeeding(self) -> None:
        """A new process that is killed while it holds the sockets: the old one must go on.

        It stands still at its access log, a pipe that nobody reads, so it never serves.
        """
        before = await self.stats()
        pipe = self.folder / f"{self.name}.pipe"
        os.mkfifo(pipe)
        new = self._run("--access-log", str(pipe))
        try:
            ends = time.monotonic() + START_SECONDS
            while (await self.stats()).handover.to != new.pid:
                if time.monotonic() > ends or new.poll() is not None:
                    raise Refused(f"The new {self.name} never came for the sockets.")
                await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            new.kill()
            pipe.unlink()
        await self._ended(new, START_SECONDS)
        await self._still(before)

    async def stats(self) -> Stats:
        """What the process in charge says of itself."""
        status, body = await self.ask("GET", "/stats")
        if status != 200:
            raise Refused(f"/stats of {self.name} answers {status}.")
        stats = msgspec.json.decode(body, type=Stats)
        self._processes = [stats.pid, *(worker.pid for worker in stats.workers if worker.pid)]
        self.restarts = max(self.restarts, *(worker.restarts for worker in stats.workers), 0)
        return stats

    async def in_step(self, revision: int) -> None:
        """Wait until every worker goes by this revision; raises Refused."""
        ends = time.monotonic() + START_SECONDS
        while any(worker.revision < revision for worker in (await self.stats()).workers):
            if time.monotonic() > ends:
                raise Refused(f"Not every worker of {self.name} came to revision {revision}.")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def ask(self, method: str, path: str) -> tuple[int, bytes]:
        """Ask the admin door."""
        async with asyncio.timeout(START_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, self._admin)
            try:
                writer.write(f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
                answer = await reader.read(-1)
            finally:
                writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            raise ConnectionResetError("The admin door closed without an answer.")
        return int(head.split(b" ", 2)[1]), body

    def hang_up(self) -> None:
        """Ask it to read its files again."""
        if self.current is not None:
            self.current.send_signal(signal.SIGHUP)

    def resident(self) -> int:
        """Bytes of memory of the process in charge and its workers."""
        return sum(int(_proc(pid, "statm").read_text().split()[1]) for pid in self._pids()) * _PAGE

    def files(self) -> int:
        """Open files of the same."""
        return sum(1 for pid in self._pids() for _ in _proc(pid, "fd").iterdir())

    async def stop(self) -> None:
        """Tell the process in charge to stop; raises Refused when it does not end well."""
        if self.current is not None:
            self.current.terminate()
            if await self._ended(self.current, DRAIN_SECONDS) != 0:
                raise Refused(f"{self.name} ended with status {self.current.returncode}.")

    def kill(self) -> None:
        """End whatever is left."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()
        self._log.close()

    def said(self) -> str:
        """The end of the log, for who looks into a failure."""
        return (self.folder / f"{self.name}.log").read_text(errors="replace")[-2000:]

    def _run(self, *more: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "proxy", *self._flags, *more]
        process = subprocess.Popen(argv, stderr=self._log, stdout=self._log)  # noqa: S603
        self._started.append(process)
        self.count += 1
        return process

    def _pids(self) -> Iterator[int]:
        """Of the process in charge, as it was asked last."""
        return (pid for pid in self._processes if _proc(pid, "statm").exists())

    async def _serves(self, process: subprocess.Popen[bytes]) -> None:
        ends = time.monotonic() + START_SECONDS
        while True:
            try:
                if (await self.stats()).pid == process.pid:
                    return
            except OSError:
                pass  # nobody listens yet
            if process.poll() is not None or time.monotonic() > ends:
                raise Refused(f"A new {self.name} does not come to serve: {self.said()}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _still(self, before: Stats) -> None:
        now = await self.stats()
        if now.pid != before.pid or now.handover.failed != before.handover.failed + 1:
            raise Refused(f"{self.name} did not go on as before: {before} is now {now}.")

    async def _ended(self, process: subprocess.Popen[bytes], seconds: float) -> int:
        ends = time.monotonic() + seconds
        while process.poll() is None:
            if time.monotonic() > ends:
                raise Refused(f"Process {process.pid} of {self.name} does not end: {self.said()}")
            await asyncio.sleep(_PAUSE_SECONDS)
        return int(process.returncode)


def _proc(pid: int, name: str) -> Path:
    return Path("/proc") / str(pid) / name


async def _deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
