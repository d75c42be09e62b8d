"""Which children each sample instance consists of, and how another one takes its place."""

from __future__ import annotations

import msgspec

from meshconsole.demo.children import Child
from meshconsole.demo.effects import Effects
from meshconsole.demo.mesh import Place, seated
from meshconsole.demo.ports import Ports
from meshconsole.demo.processes import Cast
from meshconsole.demo.supervisor import Supervisor
from meshconsole.healing.guards.supervision import Part

READY_SECONDS = 30.0


class SampleCrew:
    """The instances of the sample mesh that are there now."""

    def __init__(
        self, places: tuple[Place, ...], *, cast: Cast, keep: Supervisor, ports: Ports,
        effects: Effects,
    ) -> None:  # fmt: skip
        self._places = {place.instance: place for place in places}
        self._cast = cast
        self._keep = keep
        self._ports = ports
        self._effects = effects

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them."""
        return tuple(self._places.values())

    def children(self, place: Place) -> list[Child]:
        """The application's process and its sidecar."""
        return [self._cast.service(place), self._cast.sidecar(place)]

    def child_of(self, instance: str, part: Part) -> str | None:
        """The name of a child; None when there is no such instance."""
        if instance not in self._places:
            return None
        return instance if part == "process" else f"sidecar-{instance}"

    def successor(self, instance: str) -> str:
        """The application's next number, which no instance had before."""
        app = self._places[instance].app
        removed = self._effects.removed()
        names = {*self._places, *removed, *removed.values()}
        numbers = [name.rpartition("-") for name in names]
        return f"{app}-{max(int(number) for of, _, number in numbers if of == app) + 1}"

    async def replace(self, instance: str, successor: str) -> None:
        """Start `successor` with the same application, unit and group; raises NotReady.

        A gateway's takes over the port that people and the load call: it is the mesh's entrance.
        """
        old = self._places.pop(instance)
        place = seated(old.app, old.unit, old.group, successor, self._ports)
        if old.app == "gateway":
            place = msgspec.structs.replace(place, inbound=old.inbound)
        self._places[successor] = place
        children = self.children(place)
        await self._keep.start(children)
        await self._keep.ready(children, READY_SECONDS)
