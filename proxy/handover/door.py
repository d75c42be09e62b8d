"""Where a process waits for the one that takes over: a Unix socket for its own user alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from proxy.settings import InvalidSettings

NAME = "handover"
"""What the socket is called among the listening ones: it is handed over, too, so that at no time
nobody waits at the path."""
PATH_LIMIT = 100
"""Bytes; the kernel allows 107, and a new socket is made beside its place."""


def check_place(path: Path) -> None:
    """Raises InvalidSettings when others could reach the socket, or none could be made."""
    if len(os.fsencode(path)) > PATH_LIMIT:
        raise InvalidSettings(f"--handover {path} is too long: {PATH_LIMIT} bytes are allowed.")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.parent.stat()
    except OSError as error:
        raise InvalidSettings(
            f"--handover {path}: its folder cannot be made ({error.strerror}): name another."
        ) from None
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise InvalidSettings(
            f"--handover {path}: others can reach {path.parent}: use a folder of this user with "
            "mode 0700, for who connects there is given the sockets and the identity."
        )


def wait_at(path: Path) -> socket.socket:
    """Listen at the path; whatever is there is nobody's. Raises InvalidSettings."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        fresh.unlink(missing_ok=True)
        made.bind(str(fresh))
        fresh.chmod(0o600)
        made.listen(8)
        made.setblocking(False)
        fresh.replace(path)
    except OSError as error:
        made.close()
        raise InvalidSettings(
            f"--handover {path} cannot be used ({error.strerror}): name a file in a folder of "
            "this user."
        ) from None
    return made


def connected(path: Path) -> socket.socket | None:
    """A connection to the process that waits at the path; None when there is none."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(1.0)
    try:
        made.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        made.close()
        return None
    except OSError as error:
        made.close()
        raise InvalidSettings(
            f"--handover {path}: the process there cannot be reached ({error})."
        ) from None
    return made
