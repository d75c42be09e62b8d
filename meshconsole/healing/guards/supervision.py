"""The words between the `process` actuator and whatever keeps an instance's processes running.

One JSON line asks and one answers, over a Unix socket that only its owner can open. Any supervisor
that keeps these promises can be healed by: a key has its effect once, whoever is killed meanwhile;
an order or question with a higher fence shuts out every lower one on that instance for good.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Literal

import msgspec

LINE_BYTES = 64 * 1024

Part = Literal["process", "sidecar"]
Problem = Literal["", "stale_fence", "unknown_instance", "busy", "malformed"]


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line to the supervisor."""

    verb: Literal["order", "status", "look", "hold", "release"]
    """`order` does it unless the key is known; `status` asks for a key; `look` for what runs now.
    `hold` ends a part and keeps it down until an order or `release` starts it: a fault to heal."""
    instance: str
    key: str = ""
    fence: int = 0
    action: Literal["restart_sidecar", "restart_process", "restart_host", "remove", ""] = ""
    part: Part = "process"


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line back."""

    problem: Problem = ""
    """Not empty: nothing was done, for this reason."""
    detail: str = ""
    state: Literal["unknown", "running", "done", "failed"] = "unknown"
    effects: int = 0
    replacement: str = ""
    """The instance that takes the place of a removed one."""
    parts: dict[str, str] = {}
    """What runs of the instance: part -> `pid@start`; a part that is down is left out."""


class NotSent(Exception):
    """Nobody listens there: nothing was asked."""


class NoAnswer(Exception):
    """It was asked, and no answer came; it may have been done."""


def asked(path: Path, ask: Ask, seconds: float) -> Answer:
    """One question and its answer; raises NotSent or NoAnswer within `seconds`."""
    ends = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        try:
            line.connect(str(path))
        except OSError as error:
            raise NotSent(
                f"The supervisor does not answer ({error.strerror or error}): is the demo running?"
            ) from None
        try:
            line.sendall(msgspec.json.encode(ask) + b"\n")
            return msgspec.json.decode(_line(line, ends), type=Answer)
        except (OSError, msgspec.DecodeError) as error:
            words = str(error) or "nothing heard"
            raise NoAnswer(f"The supervisor gave no answer to {ask.verb} ({words}).") from None


def _line(line: socket.socket, ends: float) -> bytes:
    heard = b""
    while not heard.endswith(b"\n"):
        line.settimeout(max(0.001, ends - time.monotonic()))
        more = line.recv(LINE_BYTES)
        if not more or len(heard) > LINE_BYTES:
            raise OSError("it hung up")
        heard += more
    return heard
