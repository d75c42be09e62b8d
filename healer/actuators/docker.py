"""Containers by the Engine API over its Unix socket; a container's start time is the evidence."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from healer.actuators.parts import PartsActuator, Seen
from healer.actuators.protocol import AmbiguousResult, Check, NotNow, Refused
from healer.actuators.surroundings import Surroundings
from healer.actuators.web import Reply, web_at_socket
from meshconsole.healing.guards.actuator_settings import DockerSettings

_CHANGING = frozenset({"restarting", "removing"})
_ENDED = frozenset({"exited", "dead", "created"})


def docker(settings: DockerSettings, around: Surroundings) -> PartsActuator:
    """The actuator of the containers at MESH_DOCKER_SOCKET."""
    engine = Engine(settings, around)
    return PartsActuator(
        "docker", lambda _: engine, process=settings.process, sidecar=settings.sidecar
    )


class Engine:
    """What of the Engine API is used: ping, inspect, restart and stop, of any API version."""

    def __init__(self, settings: DockerSettings, around: Surroundings) -> None:
        self._web = web_at_socket("The Docker engine", around.docker_socket)
        self._stop = settings.stop_seconds

    def look(self, name: str, seconds: float) -> Seen:
        """Inspect a container."""
        reply = self._web.call("GET", f"/containers/{quote(name, safe='')}/json", seconds=seconds)
        if reply.status == 404:
            return Seen(is_up=False, words="not there", is_gone=True)
        if reply.status != 200:
            raise NotNow(f"The Docker engine does not show {name}: {_message(reply)}")
        document = reply.document()
        state = document.get("State")
        if not isinstance(state, dict) or not isinstance(state.get("StartedAt"), str):
            raise NotNow(f"The Docker engine shows {name} in a form that is not known.")
        words = str(state.get("Status", ""))
        return Seen(
            is_up=bool(state.get("Running")) and words not in _CHANGING and not state.get("Paused"),
            words="paused" if state.get("Paused") else words,
            mark=f"{str(document.get('Id', ''))[:12]}@{state['StartedAt']}",
            started_at=_seconds(state["StartedAt"]),
            is_changing=words in _CHANGING,
        )

    def restart(self, name: str, seconds: float) -> None:
        """Restart: the engine stops it with its stop signal, by force after a while, and starts."""
        self._changed("restart", name, seconds)

    def stop(self, name: str, seconds: float) -> None:
        """Stop: a restart policy of `unless-stopped` keeps it down."""
        self._changed("stop", name, seconds)

    def steps(self, name: str, *, is_removal: bool) -> tuple[str, ...]:
        """The one request."""
        return (f"POST {self._path('stop' if is_removal else 'restart', name)}",)

    def checks(self, seconds: float) -> tuple[Check, ...]:
        """Ping."""
        reply = self._web.call("GET", "/_ping", seconds=seconds)
        is_up = reply.status == 200
        text = "The Docker engine answers." if is_up else f"It says {_message(reply)}"
        return (Check("docker", is_up, text),)

    def _path(self, verb: str, name: str) -> str:
        return f"/containers/{quote(name, safe='')}/{verb}?t={self._stop}"

    def _changed(self, verb: str, name: str, seconds: float) -> None:
        if seconds <= self._stop:
            raise NotNow(
                f"{name} may take {self._stop} s to stop, and only {seconds:.0f} s are left: "
                "give the order more time, or set stop_seconds lower."
            )
        reply = self._web.call("POST", self._path(verb, name), seconds=seconds)
        if reply.status in (204, 304):  # 304: it was stopped already
            return
        said = _message(reply)
        if reply.status >= 500:
            raise AmbiguousResult(f"The Docker engine failed to {verb} {name}: {said}")
        if reply.status == 409:
            raise NotNow(f"The Docker engine cannot {verb} {name} now: {said}")
        raise Refused(f"The Docker engine refuses to {verb} {name}: {said}")


def _message(reply: Reply) -> str:
    said = str(reply.document().get("message", "")) or f"status {reply.status}"
    return f"{said.rstrip('.')[:300]}."


def _seconds(stamp: str) -> float:
    """Unix seconds of RFC 3339 with up to nine digits; 0 for the zero time and for nonsense."""
    whole, _, rest = stamp.rstrip("Z").partition(".")
    try:
        seconds = datetime.fromisoformat(f"{whole}+00:00").timestamp()
    except ValueError:
        return 0.0
    return max(0.0, seconds + float(f"0.{rest or 0}")) if rest.isdigit() or not rest else 0.0
