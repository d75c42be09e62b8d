"""When the healer looks: beat sends these; what nobody took before the next one is dropped."""

from __future__ import annotations

from typing import Any

TICK_SECONDS = 1.0
PRUNE_SECONDS = 60.0


def _every(task: str, seconds: float) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": seconds * 0.9}}


SCHEDULE: dict[str, dict[str, Any]] = {
    "tick": _every("healer.tick", TICK_SECONDS),
    "prune": _every("healer.prune", PRUNE_SECONDS),
}
