"""A rollout by the console's REST, as a person's script drives and watches it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from meshconsole.drill.console import Console, Refused

LOOK_SECONDS = 0.25
ENDED = frozenset({"completed", "rolled_back", "paused", "stuck"})
"""It moves no further by itself."""
REASON = "a drill"


class Gate(msgspec.Struct, frozen=True):
    """What a gate said last."""

    metric: str
    verdict: str
    value: float | None
    control: float | None
    bound: float | None
    sentence: str


class Target(msgspec.Struct, frozen=True):
    """One instance of a wave."""

    instance: str
    state: str
    note: str


class Ledger(msgspec.Struct, frozen=True):
    """What came since a wave began."""

    started: int = 0
    cut: int = 0


class Wave(msgspec.Struct, frozen=True):
    """As much as a drill reads of a wave."""

    number: int
    stage: str
    share: str
    state: str
    targets: list[Target]
    gates: list[Gate]
    extended: int = 0
    rounds: int = 0
    ledger: Ledger | None = None


class Action(msgspec.Struct, frozen=True):
    """What may be done now, and the word that has to be typed for it."""

    name: str
    confirm: str = ""


class Shown(msgspec.Struct, frozen=True):
    """As much as a drill reads of a rollout."""

    id: int
    state: str
    note: str
    approval: str
    waves: list[Wave]
    allowed_actions: list[Action] = []

    def word_for(self, verb: str) -> str:
        """What has to be typed to confirm a verb; empty for nothing."""
        return next((one.confirm for one in self.allowed_actions if one.name == verb), "")

    def tripped(self) -> Gate | None:
        """The gate that failed last."""
        failed = [gate for wave in self.waves for gate in wave.gates if gate.verdict == "fail"]
        told = [gate for gate in failed if self.note.startswith(f"{gate.metric}:")]
        found = told or failed
        return found[-1] if found else None

    def words(self) -> str:
        """How far it is, in a line."""
        now = next((wave for wave in self.waves if wave.state not in ("passed", "reverted")), None)
        where = f", wave {now.number}/{len(self.waves)} {now.stage} {now.state}" if now else ""
        return f"{self.state}{where}: {self.note}"


class Rolling:
    """Rollouts of one console."""

    def __init__(self, console: Console, say: Callable[[str], None]) -> None:
        self._console = console
        self._say = say
        self._pause = threading.Event()

    def begin(self, kind: str, application: str, spec: dict[str, Any]) -> int:
        """Make a rollout, look at its plan, start it; its number. Where policy asks a second
        person, that is passed by with a reason. Raises Refused."""
        document = {"kind": kind, "application": application, "spec": spec, "reason": REASON}
        pk = int(self._console.post("/api/v1/rollouts", document)["id"])
        shown = self._verb(pk, "preview", {})
        more: dict[str, Any] = {"bypass": True} if shown.approval else {}
        more["confirm"] = shown.word_for("rollout_start")
        self._verb(pk, "start", {"reason": REASON, **more})
        return pk

    def look(self, pk: int) -> Shown:
        """As it is now."""
        return msgspec.convert(self._console.get(f"/api/v1/rollouts/{pk}"), Shown)

    def abort(self, pk: int) -> None:
        """Give it up."""
        self._verb(pk, "abort", {"reason": REASON})

    def follow(
        self,
        pk: int,
        *,
        seconds: float,
        until: Collection[str] = ENDED,
        each: Callable[[Shown], None] = lambda shown: None,
    ) -> Shown:
        """Watch it until it is in one of these states, calling `each` at every look; raises Refused
        when that takes too long."""
        ends, said = time.monotonic() + seconds, ""
        while True:
            shown = self.look(pk)
            each(shown)
            if (words := shown.words()) != said:
                said = words
                self._say(f"  {words}")
            if shown.state in until:
                return shown
            if time.monotonic() > ends:
                raise Refused(f"After {seconds:.0f} s the rollout is still {words}")
            self._pause.wait(LOOK_SECONDS)

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self._pause.wait(seconds)

    def _verb(self, pk: int, verb: str, document: dict[str, Any]) -> Shown:
        answer = self._console.post(f"/api/v1/rollouts/{pk}/{verb}", document)
        return msgspec.convert(answer, Shown)
