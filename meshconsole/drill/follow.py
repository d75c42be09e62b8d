"""From a click on a weight to the moment every sidecar has it in force."""

from __future__ import annotations

import threading
import time

from meshconsole.drill.console import Refused
from meshconsole.drill.stage import Stage

ACTIVE_SECONDS = 15.0
_PAUSE_SECONDS = 0.02


class Follower:
    """Changes the split of one application and times each change until it is active."""

    def __init__(self, stage: Stage, app: str = "order") -> None:
        self._console = stage.console
        self._path = f"/api/v1/routes/{app}"
        self.millis: list[float] = []

    def change(self, split: dict[str, int]) -> float:
        """Put a split in force; the milliseconds until the last sidecar acknowledged it.

        Counted from just before the request to the time at which discovery noted the last
        acknowledgement, so that waiting for the answer here does not count.
        Raises Refused when the console does not take it or a sidecar does not follow.
        """
        version = self._console.get(self._path)["version"]
        began = time.time()
        route = self._console.put(self._path, {"split": split}, version=version)
        millis = (self._active_at(int(route["revision"])) - began) * 1000
        self.millis.append(millis)
        return millis

    def _active_at(self, revision: int) -> float:
        """Epoch seconds at which the last sidecar that is online had the revision in force."""
        ends = time.monotonic() + ACTIVE_SECONDS
        pause = threading.Event()
        while True:
            progress = self._console.get("/api/v1/progress", v=revision)
            if progress["expected"] and progress["acked"] >= progress["expected"]:
                break
            if time.monotonic() > ends:
                raise Refused(
                    f"Revision {revision} was not active everywhere after {ACTIVE_SECONDS:g} s: "
                    f"{progress}"
                )
            pause.wait(_PAUSE_SECONDS)
        sidecars = self._console.get("/api/v1/sidecars")["results"]
        return max(float(sidecar["at"]) for sidecar in sidecars if sidecar["state"] != "offline")
