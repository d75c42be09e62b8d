"""Proxy processes that take over from one another, and peers that fail on purpose."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proxy.handover.door import connected
from proxy.handover.words import FROM_OLD, VERSION, FromOld, Hello, Offer
from proxy.wire import Wire
from tests.harness.wait import eventually
from tests.integration.proxy.processes import Running, free_port


class Generations:
    """One place, and the processes that serve it after one another."""

    def __init__(self, folder: Path, upstream: str) -> None:
        folder.chmod(0o700)
        self.path = folder / "door"
        self.port, self.admin = free_port(), free_port()
        self.upstream = upstream
        self.more: tuple[str, ...] = ()
        """Flags of every process."""
        self.processes: list[subprocess.Popen[bytes]] = []

    def argv(self, *flags: str) -> list[str]:
        """The command line of every generation."""
        return [
            *(sys.executable, "-m", "proxy", "--listen", f"127.0.0.1:{self.port}"),
            *(("--upstream", self.upstream) if self.upstream else ()),
            *("--admin", f"127.0.0.1:{self.admin}", "--handover", str(self.path)),
            *(*self.more, *flags),
        ]

    def start(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start another process."""
        process = subprocess.Popen(self.argv(*flags), stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def begun(self, *flags: str) -> subprocess.Popen[bytes]:
        """Start another process and wait until it is the one that serves."""
        process = self.start(*flags)
        eventually(lambda: self.serving() == process.pid, timeout=20, what="it serves")
        return process

    def refused(self, *flags: str) -> str:
        """Start another process, which must not come to serve; what it says."""
        done = subprocess.run(self.argv(*flags), capture_output=True, text=True, timeout=30)
        assert done.returncode == 1, done
        return done.stderr

    @property
    def running(self) -> Running:
        """How to ask the place."""
        return Running(self.processes[-1], self.port, self.admin)

    def get(self, path: str = "/") -> tuple[int, bytes]:
        """One request on a connection of its own."""
        return self.running.get(path)

    def stats(self) -> dict[str, Any]:
        """What the process in charge says of itself; nothing while nobody answers."""
        try:
            status, body = self.running.ask_admin("/stats")
        except OSError:
            return {}
        return dict(json.loads(body)) if status == 200 else {}

    def serving(self) -> int:
        """The process in charge."""
        return int(self.stats().get("pid", 0))

    def handover(self, field: str) -> Any:
        """What the process in charge says of its handovers."""
        return self.stats().get("handover", {}).get(field)


@contextmanager
def generations(folder: Path, upstream: str) -> Iterator[Generations]:
    """A place; every process of it is ended at the end."""
    made = Generations(folder, upstream)
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait(15)
            if process.stderr:
                process.stderr.close()


async def offered(path: Path, version: int = VERSION) -> tuple[Wire[FromOld], FromOld]:
    """Play a new process up to the first answer; sockets that came are closed again."""
    sock = connected(path)
    assert sock is not None
    wire: Wire[FromOld] = Wire(sock, FROM_OLD)
    await wire.send(Hello(version=version))
    message = await wire.receive(10)
    if isinstance(message, Offer):
        for file in wire.take_files(sum(given.count for given in message.given)):
            socket.close(file)
    return wire, message
