"""Free ports, kept for one demo: another process cannot take them between two starts of a child."""

from __future__ import annotations

import socket
from pathlib import Path

HOST = "127.0.0.1"
_SOCKETS = Path("/proc/net/tcp")
_TIME_WAIT = "06"
_FIRST, _LAST = 20000, 32000
"""Below the range a kernel hands to outgoing connections, so a restart finds its port free."""


class NoFreePort(Exception):
    """Every port of the range is taken."""


class Ports:
    """Reserves ports by binding, never listening; children bind beside with SO_REUSEADDR."""

    def __init__(self, first: int = _FIRST, last: int = _LAST) -> None:
        self._next = first
        self._last = last
        self._held: dict[int, tuple[socket.socket, socket.socket]] = {}

    def prefer(self, port: int) -> int:
        """Reserve `port`, or the next free one above it when it is taken."""
        for candidate in range(port, min(port + 200, 65536)):
            if self._reserve(candidate):
                return candidate
        return self.take()

    def take(self) -> int:
        """Reserve the next free port of the range; raises NoFreePort when there is none."""
        while self._next < self._last:
            candidate = self._next
            self._next += 1
            if self._reserve(candidate):
                return candidate
        raise NoFreePort(
            f"No free port is left below {self._last}: stop what listens there and start again."
        )

    def release(self) -> None:
        """Give every port back."""
        for held, sign in self._held.values():
            held.close()
            sign.close()
        self._held.clear()

    def _reserve(self, port: int) -> bool:
        if port in self._held:
            return False
        sign = _signed(port)
        if sign is None:
            return False
        held = self._bound(port, reuse=False)
        if held is None and _only_lingers(port):
            held = self._bound(port, reuse=True)
        if held is None:
            sign.close()
            return False
        # Only after the bind: nobody's port was taken over, and our child may bind beside us.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held[port] = (held, sign)
        return True

    @staticmethod
    def _bound(port: int, *, reuse: bool) -> socket.socket | None:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if reuse:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((HOST, port))
        except OSError:
            made.close()
            return None
        return made


def _signed(port: int) -> socket.socket | None:
    """A name in the kernel that says whose port it is; None when another demo holds it.

    Binding alone cannot tell: two demos that reuse lingering ports may both bind the same one.
    """
    sign = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sign.bind(f"\0meshconsole-demo-port-{port}")
    except OSError:
        sign.close()
        return None
    return sign


def _only_lingers(port: int) -> bool:
    """Is all that keeps a port the closed connections of a demo that has ended?"""
    try:
        lines = _SOCKETS.read_text().splitlines()[1:]
    except OSError:
        return False
    ending = f":{port:04X}"
    states = {line.split()[3] for line in lines if line.split()[1].endswith(ending)}
    return states == {_TIME_WAIT}
