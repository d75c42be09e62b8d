"""Roll TLS out over the sample mesh: a good change goes through, a bad one is taken back by itself.

Something is wrong with the first instance that the change reaches, from the moment at which it is
reached: a box on its way lets no TLS through, it answers 20 ms later, or 5% of its answers are
errors. Each has to be taken back by the gate for it. Without traffic a rollout has to wait for a
person. In the last part, `calm`, a rollout over all nine instances is left alone and has to finish.
Everything is done and read by REST.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec

from meshconsole.demo.launch import launched
from meshconsole.drill.console import Refused
from meshconsole.drill.rolling import ENDED, Rolling, Shown
from meshconsole.drill.stage import Figures, Scale, Stage

ABOUT = "roll TLS out over the sample mesh in waves; good goes through, bad is taken back by itself"
SCALE = Scale(requests=0, changes=0, concurrency=0, rate=80.0)
APP, FIRST = "stock", "stock-1"
"""The application of the bad changes, and the instance that is reached first."""
SOAK_SCALE = 0.006
LEAST = 100
"""Requests on each side before a gate judges."""
CALM_SECONDS = (60.0, 90.0)
FAULT_SECONDS = 90.0
WARM_SECONDS = 10.0
"""Of traffic, before each rollout: what comes after is held against it."""

Say = Callable[[str], None]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout of the drill."""

    about: str
    application: str = APP
    fault: dict[str, Any] = {}
    """Told to the first instance once its wave has begun."""
    rate: float | None = None
    """Of the load meanwhile, if another."""
    ends: str = "rolled_back"
    metrics: tuple[str, ...] = ()
    """One of these has to have tripped."""


PARTS: dict[str, Part] = {
    "handshakes": Part(
        about=f"a box before {FIRST} lets no TLS through",
        fault={"no_tls": True},
        metrics=("handshakes",),
    ),
    "errors": Part(
        about=f"5% of the answers of {FIRST} are errors",
        fault={"fail": 0.05},
        metrics=("error_rate",),
    ),
    "slow": Part(
        about=f"{FIRST} answers 20 ms later", fault={"slow_ms": 20.0}, metrics=("p99", "p50")
    ),
    "scarce": Part(about="nobody calls", rate=0.0, ends="paused"),
    "calm": Part(about="nine instances, untouched", application="", ends="completed"),
}
"""In this order: each but the last leaves everything as it was, and the last has all to do."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a part."""

    name: str
    state: str
    seconds: float
    waves: int
    why: str
    tripped: dict[str, object] | None
    short: str
    """What was not as it should be; empty is a pass."""


def run(say: Say, scale: Scale) -> Figures:
    """Do it, and say what was short."""
    names = [name for name in PARTS if name in scale.parts or not scale.parts]
    outcomes = []
    with (
        tempfile.TemporaryDirectory(prefix="mesh-rollout-") as folder,
        launched(
            Path(folder), "--port", "8100", "--rate", str(scale.rate), "--front", FIRST
        ) as demo,
    ):
        say(f"The demo serves after {demo.ready_seconds:.1f} s; {WARM_SECONDS:.0f} s of traffic.")
        stage = Stage(demo.folder, demo.password, say)
        rollouts = Rollouts(stage, scale)
        try:
            for name in names:
                rollouts.wait(WARM_SECONDS)
                say(f"{name}: {PARTS[name].about}.")
                outcomes.append(rollouts.outcome(name, PARTS[name]))
        finally:
            stage.console.close()
    values: dict[str, object] = {
        "rollouts": [msgspec.to_builtins(one) for one in outcomes],
        "rate": scale.rate,
        "soak_scale": SOAK_SCALE,
    }
    return Figures(values, [f"{one.name}: {one.short}" for one in outcomes if one.short])


class Rollouts:
    """Runs the parts on one demo."""

    def __init__(self, stage: Stage, scale: Scale) -> None:
        self._stage = stage
        self._rate = scale.rate
        self._rolling = Rolling(stage.console, stage.say)

    def wait(self, seconds: float) -> None:
        """Let the mesh run."""
        self._rolling.wait(seconds)

    def outcome(self, name: str, part: Part) -> Outcome:
        """Run one part, undo its fault, and hold what came of it against what should have."""
        begun = time.monotonic()
        spec = {"to": "preferred", "soak_scale": SOAK_SCALE, "min_requests": LEAST}
        fault = Fault(self._stage, part)
        try:
            self._load(part.rate)
            pk = self._rolling.begin("tls_mode", part.application, spec)
            shown = self._rolling.follow(pk, seconds=FAULT_SECONDS, each=fault.when_due)
            seconds = time.monotonic() - begun
            if shown.state == "paused":
                self._rolling.abort(pk)
                self._rolling.follow(pk, seconds=FAULT_SECONDS, until=ENDED - {"paused"})
        finally:
            fault.undo()
            self._load(self._rate)
        return _judged(name, part, shown, seconds)

    def _load(self, rate: float | None) -> None:
        if rate is not None:
            _told(f"{self._stage.demo.load}/_rate", {"rate": rate})


class Fault:
    """What goes wrong at the first instance because the change has reached it."""

    def __init__(self, stage: Stage, part: Part) -> None:
        self._part = part
        first = next(one for one in stage.demo.services if one.instance == FIRST)
        self._control = f"{first.control}/_control"
        self._say = stage.say
        self._is_on = False

    def when_due(self, shown: Shown) -> None:
        """Let it go wrong as soon as the first wave has begun."""
        if self._part.fault and not self._is_on and shown.waves[0].state != "planned":
            self._is_on = True
            _told(self._control, self._part.fault)
            self._say(f"  {FIRST} is told {self._part.fault}")

    def undo(self) -> None:
        """Let it be right again."""
        _told(self._control, {"fail": 0.0, "slow_ms": 0.0, "no_tls": False})


def _told(url: str, document: dict[str, Any]) -> None:
    answer = httpx.post(url, json=document, timeout=10.0)
    if not answer.is_success:
        raise Refused(f"{url} answers {answer.status_code}: {answer.text[:200]}")


def _judged(name: str, part: Part, shown: Shown, seconds: float) -> Outcome:
    tripped = shown.tripped() if part.metrics else None
    return Outcome(
        name=name,
        state=shown.state,
        seconds=round(seconds, 1),
        waves=sum(wave.state == "passed" for wave in shown.waves),
        why=shown.note,
        tripped=msgspec.to_builtins(tripped) if tripped else None,
        short=_short(part, shown, seconds),
    )


def _short(part: Part, shown: Shown, seconds: float) -> str:
    if shown.state != part.ends:
        return f"it is {shown.state} instead of {part.ends}: {shown.note}"
    tripped = shown.tripped()
    if part.metrics and (tripped is None or tripped.metric not in part.metrics):
        said = tripped.sentence if tripped else "no gate at all"
        return f"taken back by {said}, not by {' or '.join(part.metrics)}"
    if any(wave.ledger is not None and wave.ledger.cut for wave in shown.waves):
        return "requests were cut"
    least, most = CALM_SECONDS
    if part.ends == "completed" and not least <= seconds <= most:
        return f"it took {seconds:.0f} s instead of {least:.0f} to {most:.0f}"
    return ""
