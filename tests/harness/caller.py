"""A caller of an actuator in a process of its own, which kills itself at one named point.

`python -m tests.harness.caller KIND FOLDER POINT ORDER`: the point is `before:NAME:N` or
`after:NAME:N` of the N-th call of what is watched, such as `after:sendall:1`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from healer.actuators import systemctl
from healer.actuators.process import ProcessActuator
from healer.actuators.protocol import Actuator, Order
from healer.actuators.surroundings import Surroundings
from healer.actuators.systemd import systemd
from meshconsole.healing.guards.actuator_settings import ProcessSettings, SystemdSettings

ROOT = Path(__file__).parents[2]
UNITS = SystemdSettings(process="shop@{instance}.service", sidecar="mesh@{instance}.service")


def hands_of(kind: str, folder: Path) -> Actuator:
    """The actuator that both the doomed caller and the one after it use."""
    around = Surroundings(secrets=folder, process_socket=folder / "control.sock")
    if kind == "process":
        return ProcessActuator(ProcessSettings(), around)
    return systemd(UNITS, around)


def doomed(kind: str, folder: Path, point: str, order: Order) -> int:
    """Execute the order in a process that dies at the point; returns its exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.caller", kind, str(folder), point,
         msgspec.json.encode(order).decode()],
        cwd=ROOT,
        timeout=60,
    )  # fmt: skip
    return done.returncode


class Watched:
    """Counts calls, and dies at one of them."""

    def __init__(self, point: str) -> None:
        self._point = point
        self._seen: Counter[str] = Counter()

    def __call__(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*given: Any, **named: Any) -> Any:
            self._seen[name] += 1
            self._die(f"before:{name}:{self._seen[name]}")
            answer = call(*given, **named)
            self._die(f"after:{name}:{self._seen[name]}")
            return answer

        return watched

    def _die(self, here: str) -> None:
        if here == self._point:
            os.kill(os.getpid(), signal.SIGKILL)


class WatchedSocket(socket.socket):
    """Each call of the line to the supervisor is a point."""

    watch: Watched

    def connect(self, address: Any) -> None:
        self.watch("connect", super().connect)(address)

    def sendall(self, *given: Any) -> None:
        self.watch("sendall", super().sendall)(*given)

    def recv(self, *given: Any) -> bytes:
        answer: bytes = self.watch("recv", super().recv)(*given)
        return answer


def _main(kind: str, folder: Path, point: str, order: Order) -> None:
    watch = Watched(point)
    WatchedSocket.watch = watch
    socket.socket = WatchedSocket  # type: ignore[misc]
    changed = systemctl.Systemctl._changed
    systemctl.Systemctl._changed = watch("job", changed)  # type: ignore[method-assign]
    hands_of(kind, folder).execute(order)


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], msgspec.json.decode(sys.argv[4], type=Order))
