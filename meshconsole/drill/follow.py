"""From a click on a weight to the moment every sidecar has it in force."""

from __future__ import annotations

import threading
import time

from meshconsole.drill.console import Refused
from meshconsole.drill.stage import Stage

ACTIVE_SECONDS = 15.0
_PAUSE_SECONDS = 0.005


class Follower:
    """Changes the split of one application and times each change until it is active."""

    def __init__(self, stage: Stage, app: str = "order") -> None:
        self._console = stage.console
        self._path = f"/api/v1/routes/{app}"
        self.millis: list[float] = []

    def change(self, split: dict[str, int]) -> float:
        """Put a split in force; the milliseconds until the last sidecar acknowledged it.

        Raises Refused when the console does not take it or a sidecar does not follow.
        """
        version = self._console.get(self._path)["version"]
        began = time.monotonic()
        route = self._console.put(self._path, {"split": split}, version=version)
        self._until_active(int(route["revision"]), began)
        millis = (time.monotonic() - began) * 1000
        self.millis.append(millis)
        return millis

    def _until_active(self, revision: int, began: float) -> None:
        pause = threading.Event()
        while True:
            progress = self._console.get("/api/v1/progress", v=revision)
            if progress["expected"] and progress["acked"] >= progress["expected"]:
                return
            if time.monotonic() - began > ACTIVE_SECONDS:
                raise Refused(
                    f"Revision {revision} was not active everywhere after {ACTIVE_SECONDS:g} s: "
                    f"{progress}"
                )
            pause.wait(_PAUSE_SECONDS)
