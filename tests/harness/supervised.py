"""A supervisor with two small instances, its log and its door, in a process that can be killed.

`python -m tests.harness.supervised FOLDER [POINT]` kills itself by SIGKILL right before or after
the write of its log that POINT names, such as `before:happened:1`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshconsole.demo.children import Child
from meshconsole.demo.control import Door
from meshconsole.demo.effects import Effects, Line
from meshconsole.demo.orders import Orders
from meshconsole.demo.supervisor import Supervisor
from meshconsole.healing.guards.supervision import Part
from tests.harness.wait import eventually

ROOT = Path(__file__).parents[2]
STARTED = "import os, signal; print('start', os.getpid(), flush=True); signal.pause()"


class SmallCrew:
    """`shop-1` and `shop-2`, each a process and a sidecar that say when they are started."""

    def __init__(self, keep: Supervisor, removed: dict[str, str]) -> None:
        self._keep = keep
        self.names = ["shop-1", "shop-2"]
        for gone, successor in removed.items():
            self.names[self.names.index(gone)] = successor

    def children(self, instance: str) -> list[Child]:
        argv = (sys.executable, "-S", "-c", STARTED)
        return [
            Child(name=name, argv=argv, stop_seconds=2.0)
            for name in (instance, f"sidecar-{instance}")
        ]

    def child_of(self, instance: str, part: Part) -> str | None:
        if instance not in self.names:
            return None
        return instance if part == "process" else f"sidecar-{instance}"

    def successor(self, instance: str) -> str:
        return f"{instance}b"

    async def replace(self, instance: str, successor: str) -> None:
        self.names[self.names.index(instance)] = successor
        await self._keep.start(self.children(successor))


class Mortal(Effects):
    """Kills its own process at one named point of its writing."""

    def __init__(self, path: Path, point: str) -> None:
        self._point = point
        self._seen: Counter[str] = Counter()
        super().__init__(path)

    def _write(self, line: Line) -> None:
        self._seen[line.what] += 1
        self._die(f"before:{line.what}:{self._seen[line.what]}")
        super()._write(line)
        self._die(f"after:{line.what}:{self._seen[line.what]}")

    def _die(self, here: str) -> None:
        if here == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


async def _main(folder: Path, point: str) -> None:
    keep = Supervisor(folder, say=lambda line: None)
    effects = Mortal(folder / "effects.jsonl", point)
    crew = SmallCrew(keep, effects.removed())
    children = [child for name in crew.names for child in crew.children(name)]
    before = {child.name: len(said(folder, child.name)) for child in children}
    await keep.start(children)
    await asyncio.to_thread(_all_said, folder, before)
    orders = Orders(keep, crew, effects)
    orders.recover()
    await Door(folder / "control.sock", orders.answer).open()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("serves", flush=True)
    await stop.wait()
    await keep.stop()


@contextmanager
def supervised(folder: Path, point: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """It serves inside the block and has ended after it."""
    command = [sys.executable, "-m", "tests.harness.supervised", str(folder), point]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"serves\n"
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(20)


def starts(folder: Path, name: str, at_least: int = 1) -> list[int]:
    """The pids that a child of that name had, as it said itself each time it was started."""
    eventually(lambda: len(said(folder, name)) >= at_least, what=f"{name} has started")
    return said(folder, name)


def said(folder: Path, name: str) -> list[int]:
    """The same, of those that have said so by now."""
    log = folder / f"{name}.log"
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    whole = [line for line in lines if line.startswith("start ") and line.endswith("\n")]
    return [int(line.split()[1]) for line in whole]


def _all_said(folder: Path, before: dict[str, int]) -> None:
    for name, count in before.items():
        starts(folder, name, count + 1)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
