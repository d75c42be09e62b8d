"""Two network namespaces and a wire: an application lives in one, the world in the other."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

NEAR, FAR, OTHER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
NEAR6, FAR6 = "fd77::1", "fd77::2"
WAIT_SECONDS = 20.0
SIDECAR_ID = 1337
"""The sidecar's user and group: only its own calls are not led to it."""
AS_SIDECAR = (
    *("setpriv", f"--reuid={SIDECAR_ID}", f"--regid={SIDECAR_ID}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
"""Another user, who may nevertheless read this interpreter wherever it is kept."""


def why_not() -> str:
    """Why there can be no namespaces here; empty when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for tool in ("ip", "iptables", "iptables-save", "iptables-restore", "setpriv"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    probe = f"mesh-probe-{os.getpid()}"
    try:
        made = _call("ip", "netns", "add", probe)
        listed = _call("ip", "netns", "exec", probe, "iptables", "-t", "nat", "-S")
    finally:
        _call("ip", "netns", "del", probe)
    if made.returncode or listed.returncode:
        return f"this machine makes no namespaces with NAT: {made.stderr or listed.stderr}".strip()
    return ""


class Wire:
    """The two namespaces by their names."""

    def __init__(self, near: str, far: str, has_v6: bool) -> None:
        self.near = near
        self.far = far
        self.has_v6 = has_v6
        self._stack = ExitStack()

    def run(self, *argv: str, beyond: bool = False) -> subprocess.CompletedProcess[str]:
        """Run something to its end where the application lives, as its user, or beyond."""
        return _call("ip", "netns", "exec", self.far if beyond else self.near, *argv)

    def python(self, *argv: str, beyond: bool = False) -> str:
        """The same for this interpreter; its output."""
        done = self.run(sys.executable, *argv, beyond=beyond)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, namespace: str, *argv: str) -> subprocess.Popen[bytes]:
        """Start something that runs until the wire is taken down."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *argv],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(_end, process)
        return process

    def close(self) -> None:
        """End what was started."""
        self._stack.close()


@contextmanager
def wire() -> Iterator[Wire]:
    """Namespaces of this process's own, gone afterwards whatever happens."""
    near, far = f"mesh-near-{os.getpid()}", f"mesh-far-{os.getpid()}"
    try:
        for name in (near, far):
            _must("ip", "netns", "add", name)
            _must("ip", "-n", name, "link", "set", "lo", "up")
        ends = f"v{os.getpid()}a", f"v{os.getpid()}b"
        _must(
            *("ip", "link", "add", ends[0], "netns", near),
            *("type", "veth", "peer", "name", ends[1], "netns", far),
        )
        for name, end, places in ((near, ends[0], (NEAR,)), (far, ends[1], (FAR, OTHER))):
            for place in places:
                _must("ip", "-n", name, "addr", "add", f"{place}/24", "dev", end)
            _must("ip", "-n", name, "link", "set", end, "up")
        has_v6 = _v6(near, ends[0], NEAR6) and _v6(far, ends[1], FAR6)
        made = Wire(near, far, has_v6)
        try:
            yield made
        finally:
            made.close()
    finally:
        for name in (near, far):
            _call("ip", "netns", "del", name)


def _v6(name: str, end: str, place: str) -> bool:
    address = _call("ip", "-n", name, "addr", "add", f"{place}/64", "dev", end, "nodad")
    table = _call("ip", "netns", "exec", name, "ip6tables", "-t", "nat", "-S")
    return address.returncode == table.returncode == 0


def _must(*argv: str) -> None:
    done = _call(*argv)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"


def _call(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(WAIT_SECONDS)
    process.kill()
    process.wait(WAIT_SECONDS)
    if process.stdout:
        process.stdout.close()
