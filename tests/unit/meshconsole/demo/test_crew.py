"""Who takes the place of an instance that was removed has a name and, but for gateways, ports of
its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshconsole.demo.children import Child
from meshconsole.demo.crew import SampleCrew
from meshconsole.demo.effects import Effects
from meshconsole.demo.mesh import Place, places
from meshconsole.demo.ports import Ports
from meshconsole.demo.processes import Cast, Doors
from meshconsole.demo.state import State
from meshconsole.demo.supervisor import Supervisor


class StillSupervisor(Supervisor):
    """Starts nothing."""

    async def start(self, children: object) -> None:
        pass

    async def ready(self, children: object, timeout_seconds: float) -> None:
        pass


async def _nothing(_place: Place) -> None:
    pass


@pytest.fixture
def ports() -> Iterator[Ports]:
    made = Ports(first=29000, last=29200)
    yield made
    made.release()


@pytest.fixture
def crew(tmp_path: Path, ports: Ports) -> SampleCrew:
    cast = Cast(State(tmp_path), Doors(console=1, discovery=2, enrol=3, load=4), _nothing)
    keep = StillSupervisor(tmp_path, say=lambda line: None)
    effects = Effects(tmp_path / "effects.jsonl")
    return SampleCrew(places(ports), cast=cast, keep=keep, ports=ports, effects=effects)


def names(children: list[Child]) -> list[str]:
    return [child.name for child in children]


async def test_a_successor_stands_where_the_removed_one_stood(crew: SampleCrew) -> None:
    old = next(place for place in crew.places if place.instance == "order-3")
    assert crew.successor("order-3") == "order-5"
    await crew.replace("order-3", "order-5")
    new = next(place for place in crew.places if place.instance == "order-5")
    assert (new.app, new.unit, new.group) == (old.app, old.unit, old.group)
    assert new.inbound != old.inbound
    assert crew.child_of("order-3", "process") is None
    assert crew.child_of("order-5", "sidecar") == "sidecar-order-5"
    assert names(crew.children(new)) == ["order-5", "sidecar-order-5"]


async def test_a_gateways_successor_keeps_the_entrance(crew: SampleCrew) -> None:
    old = next(place for place in crew.places if place.instance == "gateway-1")
    await crew.replace("gateway-1", "gateway-3")
    new = next(place for place in crew.places if place.instance == "gateway-3")
    assert new.inbound == old.inbound
    assert new.admin != old.admin


def test_no_name_is_given_twice(crew: SampleCrew, tmp_path: Path) -> None:
    effects = crew._effects
    effects.begun(instance="order-9", key="a.1", action="remove", replacement="order-10")
    assert crew.successor("order-1") == "order-11"


def test_the_next_demo_is_laid_out_without_who_was_removed(ports: Ports) -> None:
    found = [
        each.instance for each in places(ports, (), {"order-3": "order-5", "order-5": "order-6"})
    ]
    assert "order-6" in found
    assert not {"order-3", "order-5"} & set(found)
    assert len(found) == 9
