"""An application as a process of its own, which writes down every request before it answers it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.harness.wait import eventually
from tests.integration.proxy.processes import free_port, listens
from tests.integration.proxy.rig import LOOPBACK, ok, read_request


class Application:
    """One endpoint: can be frozen, killed and started again, and its ledger outlives it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._ledger = folder / f"{self.port}.ledger"
        self._ledger.touch()
        self.start()

    def start(self) -> None:
        """Serve."""
        argv = [sys.executable, "-m", __name__, str(self.port), str(self._ledger)]
        self._process = subprocess.Popen(argv)
        eventually(lambda: listens(self.port))

    def freeze(self) -> None:
        """Connections are taken, by the kernel, and nobody answers."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End without a word, frozen or not."""
        self._process.kill()
        self._process.wait(10)

    @property
    def seen(self) -> Counter[str]:
        """How often it was asked for each path."""
        return Counter(self._ledger.read_text().split())


async def _serve(port: int, ledger: int) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head, body = await read_request(reader)
                method, path, _ = head.split(b" ", 2)
                os.write(ledger, path + b"\n")
                writer.write(ok(b"%b %b %b" % (method, path, body)))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(speak, LOOPBACK, port)
    await server.serve_forever()


if __name__ == "__main__":
    file = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
    asyncio.run(_serve(int(sys.argv[1]), file))
