"""Where the crash-point drill keeps its patients: a supervisor with its log of effects, and for
each run a database of its own with one ill instance in it."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import connection
from django.utils import timezone

from meshconsole.audit.services import audit_verify
from meshconsole.demo.children import Child
from meshconsole.demo.control import Door, socket_path
from meshconsole.demo.effects import Effects, effects_of, read
from meshconsole.demo.orders import Orders
from meshconsole.demo.supervisor import Supervisor
from meshconsole.drill import patient
from meshconsole.drill.scene import free_ports
from meshconsole.healing.approvals.votes import approval_vote
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.guards.services import Wish, policy_set
from meshconsole.healing.guards.supervision import Part
from meshconsole.healing.models import CaseEntry, HealingCase, Remediation
from meshconsole.healing.services import reports_ingest
from meshconsole.inventory.models import Application, Group, Instance, Source, Unit
from meshconsole.inventory.states import InstanceState
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport, Ejection, Subject

CALLERS, INSTANCES = 4, 4
FRESH_SECONDS = 100.0
"""The evidence of a run is dated so far ahead: nobody repeats it, as sidecars would."""
APP, CALLER = "shop", "gateway"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has left behind."""

    state: str
    events: list[str]
    keys: list[str]
    """Of its steps, in order."""
    is_serving: bool
    is_audit_whole: bool
    written: list[float]
    """When each line of its timeline and each test was written, epoch s."""


class Ward:
    """A supervisor that keeps patients; its log says how often each order had its effect."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self.log = folder / "effects.jsonl"
        self.keep = Supervisor(folder, say=lambda words: None)
        effects = Effects(self.log)
        self._orders = Orders(self.keep, self, effects)
        self.door = Door(socket_path(folder), self._orders.answer)

    async def open(self) -> None:
        """Take orders."""
        await self.door.open()

    async def close(self) -> None:
        """End everything."""
        await self.door.close()
        await self.keep.stop()

    async def admit(self, name: str) -> str:
        """Start an ill instance; returns its address."""
        port = free_ports(1)[0]
        argv = (sys.executable, "-S", "-E", patient.__file__, "--port", str(port))
        lives = ("--lives", str(self._folder / f"{name}.lives"))
        self._names.add(name)
        await self.keep.start([Child(name=name, argv=(*argv, *lives), ports=(port,))])
        return f"127.0.0.1:{port}"

    async def discharge(self, name: str) -> None:
        """End it."""
        await self.keep.close(name)

    def child_of(self, instance: str, part: Part) -> str | None:
        """An instance is one process here."""
        return instance if instance in self._names else None

    def successor(self, instance: str) -> str:
        """Nothing is removed here."""
        return f"{instance}-next"

    async def replace(self, instance: str, successor: str) -> None:
        """Nothing is removed here."""

    def effects(self, keys: list[str], instance: str) -> list[int]:
        """How often each of these keys had its effect; any other key of the instance counts too."""
        counts = effects_of(self.log)
        others = {line.key for line in read(self.log) if line.instance == instance and line.key}
        return [counts.get(key, 0) for key in [*keys, *sorted(others - set(keys))]]


def turn_to(database: Path) -> None:
    """Let this thread's rows be those of another file."""
    connection.close()
    connection.settings_dict["NAME"] = database


def admitted(template: Path, database: Path, name: str, address: str) -> None:
    """A database in which an ill instance is reported by all of its callers."""
    shutil.copy(template, database)
    turn_to(database)
    now = timezone.now()
    for number in range(CALLERS):
        _instance(f"{CALLER}-{number}", CALLER, number, "127.0.0.1:9")
    for number in range(INSTANCES):
        _instance(name if number == 0 else f"{APP}-{number}", APP, number, address)
    policy_set(
        application="",
        wish=Wish(mode="approve_all", actuator="process"),
        reason="make drill NAME=crashpoints",
        actor="admin",
        now=now,
    )
    for number in range(CALLERS):
        reports_ingest(
            reporter=InstanceIdentity(
                trust_domain="mesh.local", unit=f"unit{number % 2}", app=CALLER,
                instance=f"{CALLER}-{number}",
            ),
            boot_id="b", seq=1, events=[_report(name, address, number, now)], now=now,
        )  # fmt: skip


def approve() -> bool:
    """Say yes to whatever is asked in the database that was turned to."""
    asked = Approval.objects.filter(state="pending").first()
    if asked is None:
        return False
    approval_vote(
        pk=asked.pk, user="ann", decision="approve", reason="A drill.", now=timezone.now()
    )
    return True


def found() -> Found:
    """What is in the database that was turned to."""
    case = HealingCase.objects.get()
    entries = CaseEntry.objects.order_by("pk")
    steps = Remediation.objects.order_by("step")
    tests = [check["at"] for step in steps for check in step.checks]
    return Found(
        state=case.state,
        events=list(entries.values_list("event", flat=True)),
        keys=[step.key for step in steps],
        is_serving=Instance.objects.get(instance_id=case.instance).state == InstanceState.SERVING,
        is_audit_whole=audit_verify().whole,
        written=sorted([*(entry.at.timestamp() for entry in entries), *tests]),
    )


def _instance(name: str, app: str, number: int, address: str) -> None:
    application = Application.objects.get_or_create(name=app)[0]
    Instance.objects.create(
        instance_id=name,
        application=application,
        unit=Unit.objects.get_or_create(name=f"unit{number % 2}")[0],
        group=Group.objects.get_or_create(application=application, name="all")[0],
        address=address,
        state=InstanceState.SERVING,
        source=Source.IMPORT,
    )


def _report(name: str, address: str, number: int, now: datetime) -> AnomalyReport:
    at = now.timestamp() + FRESH_SECONDS
    numbers: dict[str, Any] = {"n": 50, "errors": {"5xx": 40}, "rate": 0.8, "lcb": 0.6}
    return AnomalyReport(
        id=uuid.uuid4().hex,
        subject=Subject(instance=name, address=address, app=APP, unit="unit0"),
        phase="failing",
        rule="error_rate",
        window_start=at - 10,
        window_end=at,
        ejection=Ejection(
            id=f"{number}", service=APP, instance=name, address=address, unit="unit0",
            group="all", rule="error_rate", times=1, since=now.timestamp() - 1, until=at,
            mode="eject", state="ejected",
        ),
        **numbers,
    )  # fmt: skip
