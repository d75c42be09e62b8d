"""What a service manager is told, in systemd's words; nothing when none asked (`NOTIFY_SOCKET`)."""

from __future__ import annotations

import logging
import os
import socket

logger = logging.getLogger(__name__)

READY = "READY=1"
STOPPING = "STOPPING=1"


def main_process(pid: int) -> str:
    """From now on this process is the service."""
    return f"MAINPID={pid}"


def notify(*words: str) -> None:
    """Say these words; a manager that does not listen is no reason not to serve."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place:
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as said:
            said.sendto("\n".join(words).encode(), address)
    except OSError as error:
        logger.warning("The service manager cannot be told %s: %s.", " ".join(words), error)
