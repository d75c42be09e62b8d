"""A real supervisord with two programs, on a Unix socket and on a port with a password."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.harness.wait import eventually

PROGRAM = Path(sys.executable).with_name("supervisord")
needs_supervisord = pytest.mark.skipif(
    not PROGRAM.exists() and shutil.which("supervisord") is None, reason="no supervisord"
)
STARTED = "import os, signal; print('start', os.getpid(), flush=True); signal.pause()"
USER, PASSWORD = "healer", "a-password-of-the-test"


class Served(msgspec.Struct, frozen=True):
    """Where it is."""

    folder: Path
    socket: Path
    port: int

    def starts(self, name: str) -> int:
        """How often a program was started, as it says itself."""
        log = self.folder / f"{name}.log"
        return log.read_text().count("start ") if log.exists() else 0


@contextmanager
def supervisord(folder: Path) -> Iterator[Served]:
    """It serves inside the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    (folder / "sleeper.py").write_text(STARTED)
    programs = "".join(
        f"[program:{name}]\ncommand={sys.executable} -S {folder}/sleeper.py\nautostart=true\n"
        f"startsecs=0\nstdout_logfile={folder}/{name}.log\nredirect_stderr=true\n\n"
        for name in ("shop-1", "sidecar-shop-1")
    )
    broken = f"[program:broken]\ncommand={folder}/broken\nautostart=false\nstartretries=0\n\n"
    (folder / "conf").write_text(
        f"[supervisord]\nnodaemon=true\nlogfile={folder}/log\npidfile={folder}/pid\n"
        f"childlogdir={folder}\n\n[unix_http_server]\nfile={folder}/s.sock\nchmod=0700\n\n"
        f"[inet_http_server]\nport=127.0.0.1:{port}\nusername={USER}\npassword={PASSWORD}\n\n"
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory="
        f"supervisor.rpcinterface:make_main_rpcinterface\n\n{programs}{broken}"
    )
    served = Served(folder, folder / "s.sock", port)
    process = subprocess.Popen(
        [str(PROGRAM), "-c", str(folder / "conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        eventually(
            lambda: served.starts("shop-1") and served.starts("sidecar-shop-1"),
            what="its programs have started",
        )
        yield served
    finally:
        process.terminate()
        process.wait(20)
