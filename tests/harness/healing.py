"""A small mesh with a fault, a clock of its own, and an actuator that only remembers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from django.utils import timezone

from healer.actuators.protocol import (
    ACTIONS,
    Action,
    Actuator,
    Finding,
    Order,
    PlanText,
    StaleFence,
    Status,
)
from healer.casework import orders
from healer.casework.advancing import advance
from healer.casework.hands import Inline
from meshconsole.healing.guards.services import Wish, policy_set
from meshconsole.healing.models import HealingCase, Remediation
from meshconsole.healing.services import reports_ingest
from meshconsole.inventory.models import Source
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport, Ejection, Subject
from tests.factories import an_instance

QUICK: dict[str, float] = {"cooldown_seconds": 10, "drain_seconds": 5}
"""What tests wait for; everything else is as it is installed."""
BEGIN = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


class Clock:
    """The time that everything in the process goes by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = BEGIN
        monkeypatch.setattr(timezone, "now", lambda: self.now)

    def forward(self, seconds: float) -> datetime:
        """So much later."""
        self.now += timedelta(seconds=seconds)
        return self.now


class FakeActuator:
    """Does each key once, refuses lower fences, and can be told to fail."""

    name = "process"

    def __init__(self) -> None:
        self.actions: frozenset[Action] = frozenset(ACTIONS)
        self.effects: dict[str, int] = {}
        self.done: list[tuple[str, str]] = []
        self.fence = 0
        self.calls: list[str] = []
        self.refuses: Exception | None = None
        self.breaks: BaseException | None = None
        self.breaks_after_effect = False
        self.finding = Finding(ok=True, detail="Everything is there.", before="pid 1")
        self.heals: Callable[[], None] = lambda: None

    def plan(self, order: Order) -> PlanText:
        """What it would do."""
        return PlanText(summary=f"{order.action} {order.target.instance}.", steps=("do it",))

    def dry_run(self, order: Order) -> Finding:
        """Whatever was set."""
        self.calls.append("dry_run")
        return self.finding

    def execute(self, order: Order) -> Status:
        """The effect, unless the key has had it."""
        self.calls.append("execute")
        self._fence(order)
        if self.refuses is not None:
            raise self.refuses
        if self.breaks is not None and not self.breaks_after_effect:
            raise self.breaks
        if order.key not in self.effects:
            self.effects[order.key] = 1
            self.done.append((order.action, order.target.instance))
            self.heals()
        if self.breaks is not None:
            raise self.breaks
        return self._status(order)

    def status(self, order: Order) -> Status:
        """Whether the key has had its effect."""
        self.calls.append("status")
        self._fence(order)
        return self._status(order)

    def _status(self, order: Order) -> Status:
        effects = self.effects.get(order.key, 0)
        state: Any = "done" if effects else "unknown"
        return Status(
            state=state, detail="It is done." if effects else "Not seen.", effects=effects
        )

    def _fence(self, order: Order) -> None:
        if order.fence < self.fence:
            raise StaleFence("A higher fence was here.")
        self.fence = order.fence


class Door:
    """A real address that answers with a status, or closes when it is told to be dead."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.status = 500
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """No more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.settimeout(5)
                try:
                    if line.recv(4096):
                        line.sendall(f"HTTP/1.1 {self.status} x\r\n\r\n".encode())
                except OSError:
                    continue


class World:
    """Twenty instances of `order`, four gateways that call them, and the first one ill."""

    def __init__(self, clock: Clock, actuator: FakeActuator, door: Door) -> None:
        self.clock, self.actuator, self.door = clock, actuator, door
        self.seq = 0
        for number in range(1, 5):
            an_instance(f"gateway-{number}", application="gateway", unit=f"unit{number % 2 + 1}")
        for number in range(1, 21):
            an_instance(
                f"order-{number}",
                unit=f"unit{number % 2 + 1}",
                address=door.address,
                source=Source.IMPORT,
            )
        actuator.heals = self.heal
        self.ill = {"order-1"}

    def heal(self) -> None:
        """What an action does to the ill."""
        self.door.status = 200
        self.ill.clear()

    def set_mode(self, mode: str, **numbers: float) -> None:
        """The mesh's policy."""
        policy_set(
            application="",
            wish=Wish(mode=mode, actuator="process", numbers=QUICK | numbers),
            reason="A test.",
            actor="admin",
            now=self.clock.now,
        )

    def report(self, *reporters: str, mode: Literal["report", "weight", "eject"] = "eject") -> None:
        """Each gateway says what it sees of the ill, and whom it leaves out."""
        for reporter in reporters or tuple(f"gateway-{number}" for number in range(1, 5)):
            for instance in sorted(self.ill):
                self._report(reporter, instance, mode)

    def _report(
        self, reporter: str, instance: str, mode: Literal["report", "weight", "eject"]
    ) -> None:
        self.seq += 1
        at = self.clock.now.timestamp()
        number, app = int(reporter.rpartition("-")[2]), instance.rpartition("-")[0]
        ejection = Ejection(
            id=f"{reporter}-{instance}", service=app, instance=instance,
            address=self.door.address, unit="unit1", group="Group_1", rule="error_rate", times=1,
            since=at - 1, until=at + 30, mode=mode, state="ejected",
        )  # fmt: skip
        event = AnomalyReport(
            id=f"e{self.seq}",
            subject=Subject(instance=instance, address=self.door.address, app=app, unit="unit1"),
            phase="failing",
            rule="error_rate",
            window_start=at - 1,
            window_end=at,
            n=50,
            errors={"5xx": 30},
            rate=0.6,
            lcb=0.4,
            ejection=ejection,
        )
        reports_ingest(
            reporter=InstanceIdentity(
                trust_domain="mesh.local",
                unit=f"unit{number % 2 + 1}",
                app="gateway",
                instance=reporter,
            ),
            boot_id=reporter,
            seq=self.seq,
            events=[event],
            now=self.clock.now,
        )

    def tick(self, seconds: float = 1.0) -> int:
        """One round of casework, so much later."""
        return advance(self.clock.forward(seconds), Inline())

    def until(self, *states: str, limit: int = 400, seconds: float = 1.0) -> HealingCase:
        """Tick, with reports as they come, until the newest case is in one of these states."""
        for number in range(limit):
            if number % 10 == 0:
                self.report()
            self.tick(seconds)
            if self.case().state in states:
                return self.case()
        raise AssertionError(f"{self.case().state}: {self.case().note}")

    def case(self) -> HealingCase:
        """The newest."""
        found = HealingCase.objects.order_by("-pk").first()
        assert found is not None
        return found

    def step(self) -> Remediation:
        """The newest."""
        found = Remediation.objects.order_by("-pk").first()
        assert found is not None
        return found


@contextmanager
def a_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The mesh, with casework's actuator replaced."""
    actuator = FakeActuator()

    def build(name: str, settings: Any) -> Actuator:
        return actuator

    monkeypatch.setattr(orders, "build", build)
    door = Door()
    try:
        yield World(Clock(monkeypatch), actuator, door)
    finally:
        door.close()
