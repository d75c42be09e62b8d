"""A stand: the origin, and contenders in a row before it, started and ended together."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from meshconsole.demo.ports import Ports
from tests.bench.dataplane import certificates
from tests.bench.dataplane.contenders.nginx import origin
from tests.bench.dataplane.contenders.roles import Contender, Place, Role
from tests.bench.dataplane.loads import Ground
from tests.bench.dataplane.machine import LOAD_CORE, PROXY_CORE, started, stop


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One contender's processes, and the port that callers use."""

    port: int
    pids: tuple[int, ...]


class Stand:
    """Ground, free ports and an origin."""

    def __init__(self, folder: Path) -> None:
        self.ground = Ground(folder=folder, certificates=certificates.written(folder))
        self.ports = Ports(first=24000)
        self.origins = {name: self.ports.take() for name in ("http1", "http2", "load")}
        """Ports by what is spoken there; at `load` the load generator itself answers, while it
        runs."""
        self._running = contextlib.ExitStack()
        written = origin(folder, self.origins["http1"], self.origins["http2"])
        self._origin = started(written, folder, LOAD_CORE, self.origins["http1"])
        self._running.callback(stop, self._origin)

    @property
    def origin_pid(self) -> int:
        """The origin's process."""
        return self._origin.pid

    def close(self) -> None:
        """End everything."""
        self._running.close()
        self.ports.release()

    @contextmanager
    def row(
        self, name: str, contender: Contender, roles: tuple[Role, ...], speaks: str = "http1"
    ) -> Iterator[Row]:
        """Start a contender in these roles, the first before the origin; raises NotServed."""
        to = self.origins[speaks]
        processes: list[subprocess.Popen[bytes]] = []
        try:
            for role in roles:
                place = Place(
                    folder=self.ground.folder,
                    name=f"{name}-{role}-{to}",
                    port=self.ports.take(),
                    to=to,
                    spare=self.ports.take(),
                    certificates=self.ground.certificates,
                )
                written = contender(role, place)
                processes.append(started(written, self.ground.folder, PROXY_CORE, place.port))
                to = place.port
            yield Row(port=to, pids=tuple(process.pid for process in processes))
        finally:
            for process in reversed(processes):
                stop(process)


@contextmanager
def stand() -> Iterator[Stand]:
    """A stand in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="mesh-bench-") as folder:
        made = Stand(Path(folder))
        try:
            yield made
        finally:
            made.close()
