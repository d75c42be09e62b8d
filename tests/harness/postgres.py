"""A PostgreSQL of one's own on a Unix socket, durable as installed, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.wait import eventually

_USER = "postgres"
START_SECONDS = 30.0


def programs() -> Path | None:
    """Where the newest installed server's programs are; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if found:
        return found[-1].parent
    here = shutil.which("initdb")
    return Path(here).parent if here else None


@contextmanager
def running() -> Iterator[str]:
    """URL of an empty database; raises LookupError where no PostgreSQL is installed.

    It refuses to run as root, so as root it runs as `postgres`.
    """
    folder = programs()
    if folder is None:
        raise LookupError("PostgreSQL is not installed: install the package postgresql.")
    with tempfile.TemporaryDirectory(prefix="mesh-pg-") as made:
        home = Path(made)
        as_user = _as_user(home)
        data = home / "data"
        subprocess.run(
            [*as_user, str(folder / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        server = subprocess.Popen(
            [*as_user, str(folder / "postgres"), "-D", str(data), "-k", made, "-h", ""],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ready = [str(folder / "pg_isready"), "-h", made, "-U", _USER, "-q"]
            eventually(
                lambda: subprocess.run(ready, check=False).returncode == 0,
                timeout=START_SECONDS,
                what="PostgreSQL answers",
            )
            yield f"postgres://{_USER}@/postgres?host={made}"
        finally:
            subprocess.run(
                [*as_user, str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"],
                check=False,
                stdout=subprocess.DEVNULL,
            )
            server.wait(timeout=30)


def _as_user(home: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(_USER)
    os.chown(home, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _version(program: Path) -> int:
    name = program.parent.parent.name
    return int(name) if name.isdigit() else 0
