"""The command line of every process of the demo."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from meshconsole.demo.children import Child
from meshconsole.demo.look import listens, serves
from meshconsole.demo.mesh import Place
from meshconsole.demo.ports import HOST
from meshconsole.demo.service.apps import interfaces_of
from meshconsole.demo.state import State

SIDECAR_STOP_SECONDS = 1.0
"""The load has ended before them, so there is nothing to drain but idle connections."""
_PYTHON = sys.executable

# Stopped from the highest phase to the lowest: load first, the store last.
_STORE, _CONSOLE, _DISCOVERY, _HEALER, _MESH, _LOAD = range(6)


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """The ports of the console's side."""

    console: int
    discovery: int
    enrol: int
    load: int


class Cast:
    """Makes the children of one demo."""

    def __init__(self, state: State, doors: Doors, mint: Callable[[Place], Awaitable[None]]):
        self._state = state
        self._doors = doors
        self._mint = mint
        self._env = {
            "MESH_STATE_DIR": str(state.folder),
            "MESH_DISCOVERY_HOST": HOST,
            "MESH_DISCOVERY_PORT": str(doors.discovery),
            "MESH_ENROL_PORT": str(doors.enrol),
            "MESH_DEMO": "true",
            "MESH_PUBLIC_URL": f"http://{HOST}:{doors.console}",
            "MESH_NOTICE_NETWORKS": "127.0.0.0/8",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "meshconsole.settings",
        }

    def use_redis(self, url: str) -> None:
        """Let every later child know where Redis is."""
        self._env["MESH_REDIS_URL"] = url

    def redis(self, argv: tuple[str, ...], ready: Callable[[], Awaitable[bool]]) -> Child:
        """The store of leases, windows and messages."""
        return Child(name="redis", argv=argv, phase=_STORE, ready=ready)

    def console(self) -> Child:
        """Pages, REST and the live stream."""
        port = self._doors.console
        return Child(
            name="console",
            argv=(
                _PYTHON, "-m", "daphne", "-v", "0", "-b", HOST, "-p", str(port),
                "meshconsole.asgi:application",
            ),
            ports=(port,),
            env=self._env,
            phase=_CONSOLE,
            ready=lambda: serves(port, "/login/"),
        )  # fmt: skip

    def discovery(self) -> Child:
        """The sidecars' doors and the compiler."""
        doors = self._doors
        return Child(
            name="discovery",
            argv=(_PYTHON, "-m", "meshconsole.discovery"),
            ports=(doors.discovery, doors.enrol),
            env=self._env,
            phase=_DISCOVERY,
            ready=lambda: listens(doors.enrol),
            death_signal=signal.SIGTERM,
        )

    def healer(self, control: Path) -> Child:
        """What is due: one Celery worker with its beat; it heals by the supervisor's socket."""
        env = {**self._env, "MESH_PROCESS_SOCKET": str(control)}
        return Child(name="healer", argv=(_PYTHON, "-m", "healer"), env=env, phase=_HEALER)

    def service(self, place: Place) -> Child:
        """One sample instance, and the box before it if it has one."""
        front = (f"{HOST}:{place.front}", f"{HOST}:{place.inbound}")
        return Child(
            name=place.instance,
            argv=(
                _PYTHON, "-m", "meshconsole.demo.service", "--app", place.app,
                "--instance", place.instance, "--listen", f"{HOST}:{place.app_port}",
                "--outbound", f"{HOST}:{place.outbound}",
                *(("--front", *front) if place.front else ()),
            ),
            ports=(place.app_port, *((place.front,) if place.front else ())),
            phase=_MESH,
            ready=lambda: serves(place.app_port, "/_health"),
            stop_seconds=SIDECAR_STOP_SECONDS,
        )  # fmt: skip

    def sidecar(self, place: Place) -> Child:
        """The sidecar of one sample instance, with a fresh join token at every start."""
        doors, state = self._doors, self._state
        interfaces = [part for name in interfaces_of(place.app) for part in ("--interface", name)]
        return Child(
            name=f"sidecar-{place.instance}",
            argv=(
                _PYTHON, "-m", "proxy",
                "--console", f"wss://{HOST}:{doors.discovery}",
                "--enrol", f"wss://{HOST}:{doors.enrol}",
                "--join-token-file", str(state.tokens / place.instance),
                "--app", place.app, "--unit", place.unit, "--group", place.group,
                "--instance", place.instance,
                "--inbound", f"{HOST}:{place.inbound}",
                "--app-address", f"{HOST}:{place.app_port}",
                "--outbound", f"{HOST}:{place.outbound}",
                "--admin", f"{HOST}:{place.admin}",
                "--state-dir", str(state.sidecars / place.instance),
                "--access-log", "-",
                *(("--advertise", f"{HOST}:{place.front}") if place.front else ()),
                *interfaces,
            ),
            ports=(place.inbound, place.outbound, place.admin),
            phase=_MESH,
            prepare=lambda: self._mint(place),
            ready=lambda: serves(place.admin, "/readyz"),
            stop_seconds=SIDECAR_STOP_SECONDS,
        )  # fmt: skip

    def load(self, entrances: list[Place], rate: float) -> Child:
        """The open-loop load generator over all gateways."""
        doors = [part for each in entrances for part in ("--entrance", f"{HOST}:{each.inbound}")]
        return Child(
            name="load",
            argv=(
                _PYTHON, "-m", "meshconsole.demo.load", "--listen", f"{HOST}:{self._doors.load}",
                "--rate", str(rate), *doors,
            ),
            ports=(self._doors.load,),
            phase=_LOAD,
            ready=lambda: serves(self._doors.load, "/_stats"),
        )  # fmt: skip


def configured_redis() -> str:
    """The Redis the surroundings name, empty when there is none."""
    return os.environ.get("MESH_REDIS_URL", "")
