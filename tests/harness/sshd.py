"""A real sshd on loopback for one test, with keys of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tests.harness.wait import eventually

SERVER = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_sshd = pytest.mark.skipif(
    SERVER is None, reason="no sshd (Debian: apt-get install openssh-server)"
)


class Machine(msgspec.Struct, frozen=True):
    """Where it listens, and what the healer needs to get in."""

    port: int
    user: str
    secrets: Path
    """A folder with `key`, `known_hosts`, and `stranger`, a key it does not take."""


@contextmanager
def sshd(folder: Path, programs: Path) -> Iterator[Machine]:
    """It serves inside the block; `programs` go before everything else on its PATH."""
    assert SERVER is not None
    secrets = folder / "secrets"
    secrets.mkdir()
    for path in (folder / "host", secrets / "key", secrets / "stranger"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=20
        )
    port = _free_port()
    public = (folder / "host.pub").read_text().rsplit(" ", 1)[0]
    (secrets / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}\n")
    (secrets / "known_hosts").chmod(0o600)
    shutil.copy(secrets / "key.pub", folder / "authorized")
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'authorized'}\nStrictModes no\nPasswordAuthentication no\n"
        f"KbdInteractiveAuthentication no\nSetEnv PATH={programs}:/usr/bin:/bin\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen([SERVER, "-D", "-e", "-f", str(config)], stderr=log)
    try:
        eventually(lambda: _listens(port), what=f"sshd serves: see {folder / 'sshd.log'}")
        yield Machine(port, getpass.getuser(), secrets)
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as line:
            return line.recv(4) == b"SSH-"
    except OSError:
        return False
