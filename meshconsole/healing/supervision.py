"""The words between the `process` actuator and whatever keeps an instance's processes running.

One JSON line asks and one answers, over a Unix socket that only its owner can open. Any supervisor
that keeps these promises can be healed by: a key has its effect once, whoever is killed meanwhile;
an order or question with a higher fence shuts out every lower one on that instance for good.
"""

from __future__ import annotations

from typing import Literal

import msgspec

LINE_BYTES = 64 * 1024

Part = Literal["process", "sidecar"]
Problem = Literal["", "stale_fence", "unknown_instance", "busy", "malformed"]


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line to the supervisor."""

    verb: Literal["order", "status", "look", "hold"]
    """`order` does it unless the key is known; `status` asks for a key; `look` for what runs now;
    `hold` ends a part and keeps it down until an order starts it, as a fault to be healed."""
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
