"""Faults on purpose: of real processes, told by name, and ended again."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from meshconsole.demo import breaking
from meshconsole.demo.breaking import FAULTS, CannotBreak, break_instance, faults_of, mend
from meshconsole.demo.state import DemoFile, ServiceLine
from meshconsole.healing.guards.supervision import Answer, Ask


def service(instance: str, app: str) -> ServiceLine:
    return ServiceLine(
        instance=instance, app=app, unit="unit1", group="Group_1",
        control=f"http://{instance}", sidecar_admin="",
    )  # fmt: skip


MESH = (("order-1", "order"), ("order-2", "order"), ("stock-1", "stock"))
DEMO = DemoFile(
    console="", user="", entrance="", processes=[], load="", control="/nowhere/control.sock",
    services=[service(instance, app) for instance, app in MESH],
)  # fmt: skip


class World:
    """What was asked of the supervisor and of the applications."""

    def __init__(self) -> None:
        self.asks: list[tuple[str, str, str]] = []
        self.faults: dict[str, dict[str, float]] = {}

    def asked(self, path: Path, ask: Ask, seconds: float) -> Answer:
        self.asks.append((ask.verb, ask.instance, ask.part))
        return Answer()

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.faults[request.url.host] = httpx.Response(200, content=request.content).json()
        return httpx.Response(200, json=self.faults.get(request.url.host, {}))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    client = httpx.Client(transport=httpx.MockTransport(made.handle))
    monkeypatch.setattr(breaking, "asked", made.asked)
    monkeypatch.setattr(httpx, "get", client.get)
    monkeypatch.setattr(httpx, "post", client.post)
    return made


def test_a_dead_application_is_held_down_and_its_sidecar_lives(world: World) -> None:
    said = break_instance(DEMO, "order-1", "dead")
    assert said.startswith("order-1 is broken: its process ends")
    assert world.asks == [("hold", "order-1", "process")]


def test_errors_are_those_of_one_instance(world: World) -> None:
    break_instance(DEMO, "order-1", "errors-20")
    assert world.faults == {"order-1": {"fail": 0.2, "slow_ms": 0.0}}
    assert faults_of(DEMO.services[0]) == "20% errors"


def test_a_shared_fault_is_in_every_instance_of_the_application(world: World) -> None:
    said = break_instance(DEMO, "order-1", "shared")
    assert said.startswith("order-1, order-2 are broken")
    assert set(world.faults) == {"order-1", "order-2"}


def test_mending_starts_what_is_held_and_ends_the_faults(world: World) -> None:
    break_instance(DEMO, "order-1", "slow")
    assert mend(DEMO, "all") == "Everything is whole again."
    assert ("release", "stock-1", "sidecar") in world.asks
    assert [faults_of(each) for each in DEMO.services] == ["", "", ""]


@pytest.mark.parametrize(
    ("instance", "kind", "sentence"),
    [
        ("order-9", "dead", r"no instance 'order-9' in this demo: choose one of order-1, order-2"),
        ("order-1", "fire", f"no fault 'fire': choose one of {', '.join(FAULTS)}"),
    ],
)
def test_what_cannot_be_broken_is_said(instance: str, kind: str, sentence: str) -> None:
    with pytest.raises(CannotBreak, match=sentence):
        break_instance(DEMO, instance, kind)


def test_a_supervisor_that_is_gone_is_said() -> None:
    with pytest.raises(CannotBreak, match="is the demo running"):
        break_instance(DEMO, "order-1", "dead")
