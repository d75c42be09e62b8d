"""A stand-in for the Docker Engine: containers, and what the documented API does and refuses."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from tests.harness.peer import Asked, Said, said_json

_CALL = re.compile(r"/containers/([^/]+)/(json|restart|stop)")


class Container(msgspec.Struct):
    """One container; each start moves its clock."""

    id: str
    status: str = "running"
    started: int = 0
    paused: bool = False
    starts: int = 1
    dies: bool = False
    """It ends at once after each start."""

    def stamp(self) -> str:
        return f"2026-03-01T10:00:{self.started:02d}.123456789Z"


class Engine:
    """Answers as the Engine API does (ContainerInspect, ContainerRestart, ContainerStop)."""

    def __init__(self, **containers: Container) -> None:
        self.containers = {name.replace("_", "-"): one for name, one in containers.items()}
        self.asked: list[str] = []
        self.hangs_up_after: str = ""
        """Do this verb and give no answer."""
        self.fails_with: Said | None = None

    def __call__(self, asked: Asked) -> Said:
        parts = urlsplit(asked.path)
        self.asked.append(f"{asked.method} {asked.path}")
        if (asked.method, parts.path) == ("GET", "/_ping"):
            return Said(200, b"OK", {"content-type": "text/plain; charset=utf-8"})
        found = _CALL.fullmatch(parts.path)
        if found is None or asked.method != ("GET" if found[2] == "json" else "POST"):
            return said_json(404, {"message": "page not found"})
        name, verb = unquote(found[1]), found[2]
        container = self.containers.get(name)
        if container is None:
            return said_json(404, {"message": f"No such container: {name}"})
        if verb == "json":
            return said_json(200, self._shown(container))
        wait = parse_qs(parts.query).get("t", [])
        if not wait or not re.fullmatch(r"-?\d+", wait[0]) or asked.body:
            return said_json(400, {"message": "bad parameter"})
        return self._changed(container, verb)

    def _changed(self, container: Container, verb: str) -> Said:
        if self.fails_with is not None:
            return self.fails_with
        if verb == "stop":
            was, container.status = container.status, "exited"
            said = Said(204) if was == "running" else Said(304)
        else:
            container.started += 1
            container.starts += 1
            container.status = "exited" if container.dies else "running"
            said = Said(204)
        return Said(0) if self.hangs_up_after == verb else said

    def _shown(self, container: Container) -> dict[str, object]:
        return {
            "Id": container.id,
            "State": {
                "Status": container.status,
                "Running": container.status in ("running", "restarting"),
                "Paused": container.paused,
                "StartedAt": container.stamp(),
            },
        }
