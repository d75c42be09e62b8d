"""A mesh of a drill's own: the console's side of a demo, and sidecars that join it by a token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
import redis

from meshconsole.core.redis_server import command
from meshconsole.demo.launch import Launched
from meshconsole.demo.mesh import UNITS
from meshconsole.demo.state import write_secret
from meshconsole.drill.callers import LOOPBACK
from meshconsole.drill.console import Console, Refused
from meshconsole.drill.generations import Generations
from meshconsole.drill.scene import GROUP, free_ports
from meshconsole.telemetry.links import TOLD, Told, latest

UNIT = UNITS[0]
READY_SECONDS = 30.0
_LOOK_SECONDS = 0.1
_told = msgspec.json.Decoder(Told)


class Sidecar(msgspec.Struct, frozen=True):
    """One that joined, and where it is reached."""

    name: str
    process: Generations
    outbound: int
    admin: int


class Mesh:
    """Names what the sidecars belong to, starts them, and reads what they tell the console."""

    def __init__(self, demo: Launched, console: Console) -> None:
        self._demo = demo
        self.console = console
        self.sidecars: list[Sidecar] = []
        self._redis = redis.Redis.from_url(command(demo.folder)[1], socket_timeout=5.0)

    def name(self, *apps: str) -> None:
        """Make the applications; the units are the demo's."""
        for app in apps:
            self.console.post("/api/v1/applications", {"name": app})

    async def join(self, name: str, app: str, *, behind: int, more: Sequence[str] = ()) -> Sidecar:
        """Start the sidecar of an application that listens at `behind`; raises Refused when it does
        not come to serve."""
        inbound, outbound, admin = free_ports(3)
        discovery = next(one for one in self._demo.demo.processes if one.name == "discovery")
        doors = [f"wss://{LOOPBACK}:{port}" for port in discovery.ports]
        folder = self._demo.folder
        token = folder / "tokens" / name
        write_secret(token, await asyncio.to_thread(self._token, name, app))
        flags = [
            *("--console", doors[0], "--enrol", doors[1], "--join-token-file", str(token)),
            *("--app", app, "--unit", UNIT, "--group", GROUP, "--instance", name),
            *("--state-dir", str(folder / "sidecars" / name)),
            *("--app-address", f"{LOOPBACK}:{behind}", "--inbound", f"{LOOPBACK}:{inbound}"),
            *("--outbound", f"{LOOPBACK}:{outbound}", "--admin", f"{LOOPBACK}:{admin}", *more),
        ]
        process = Generations(name, folder, admin, flags)
        made = Sidecar(name, process, outbound, admin)
        self.sidecars.append(made)
        await process.start()
        ends = time.monotonic() + READY_SECONDS
        while (await process.ask("GET", "/readyz"))[0] != 200:
            if time.monotonic() > ends:
                raise Refused(f"The sidecar {name} does not get ready: {process.said()}")
            await asyncio.sleep(_LOOK_SECONDS)
        return made

    def told(self) -> dict[str, Told]:
        """What each sidecar said last of its links."""
        fields = self._redis.hgetall(TOLD)
        assert isinstance(fields, dict)  # noqa: S101
        return latest((_told.decode(raw) for raw in fields.values()), time.time())

    async def stop(self) -> None:
        """Tell the sidecars to end, the callers' first; raises Refused when one does not end
        well."""
        for one in reversed(self.sidecars):
            await one.process.stop()

    def kill(self) -> None:
        """End whatever is left."""
        for one in self.sidecars:
            one.process.kill()
        self._redis.close()

    def _token(self, name: str, app: str) -> str:
        wanted = {"application": app, "unit": UNIT, "instance": name}
        return str(self.console.post("/api/v1/join-tokens", wanted)["token"])
