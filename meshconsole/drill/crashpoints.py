"""Kill the healer at every point of a healing run, and see that each effect comes once.

A first run is left alone and writes down each point that it reaches: before and after every durable
write and every call of something outside. Then there is a run for each of them whose healer is
killed there, as by a power cut; another healer goes on with the rows that are left. The supervisor
that restarts the instance is the demo's, with its log of effects on disk. Four more runs kill the
healer that took over as well. No Redis runs at all: nothing depends on it.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from meshconsole.demo.launch import plain_environment
from meshconsole.drill import ward
from meshconsole.drill.stage import Figures, Scale
from meshconsole.drill.ward import Found, Ward
from proxy.aio import cancelled, spawn

ABOUT = "kill -9 of the healer before and after every write and call: each effect once"
ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 14
SCALE = Scale(requests=0, changes=0, concurrency=AT_ONCE, rate=0)
HEAL_SCALE = 0.02
RUN_SECONDS = 75.0
LEAST_POINTS = 30
RESUMED_SECONDS = 30.0
KILLED = -9
_FIRST = "actuator-execute:after"
TWICE = tuple(
    (_FIRST, f"{name}:{when}")
    for name in ("step-taken-over", "actuator-status")
    for when in ("before", "after")
)
"""Pairs: where the first healer is killed, and where the one that took over is."""
LOOK_SECONDS = 0.25
PARTS: dict[str, Callable[[str], bool]] = {
    "calls": lambda point: not point.startswith(("case-", "step-")),
    "steps": lambda point: point.startswith("step-"),
    "moves": lambda point: point.startswith("case-"),
    "twice": lambda point: False,
}
"""Points by kind, to be run alone; `twice` is the runs in which two healers are killed."""

Say = Callable[[str], None]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one run."""

    points: tuple[str, ...]
    kills: int
    resumed_seconds: float
    """From a kill to the next thing written; the longest, if there were several."""
    effects: list[int]
    found: Found


def run(say: Say, scale: Scale) -> Figures:
    """Do it, and say what was short."""
    with tempfile.TemporaryDirectory(prefix="mesh-crash-") as made:
        folder = Path(made)
        (folder / "state").mkdir(mode=0o700)
        environment = plain_environment() | {
            "MESH_STATE_DIR": str(folder / "state"),
            "MESH_REDIS_URL": "unix:///nowhere/redis.sock",
            "MESH_HEAL_SCALE": str(HEAL_SCALE),
            "MESH_LOG_LEVEL": "ERROR",
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"],
            cwd=ROOT,
            env=environment,
            check=True,
            timeout=120,
        )
        return asyncio.run(_Sweep(folder, environment, say, scale).figures())


class _Sweep:
    """All runs: so many at once, each with a database, a patient and healers of its own."""

    def __init__(self, folder: Path, environment: dict[str, str], say: Say, scale: Scale) -> None:
        self._folder = folder
        self._environment = environment
        self._say = say
        self._free = asyncio.Semaphore(scale.concurrency)
        self._parts = scale.parts or tuple(PARTS)
        self._ward = Ward(folder, say)
        # Rows are one thread's: which database they are of is turned by whoever asks.
        self._rows = ThreadPoolExecutor(1)
        self._healers: _Healers | None = None
        self._begun = time.monotonic()

    async def figures(self) -> Figures:
        """Run them."""
        await self._ward.open()
        environment = self._environment | {"MESH_PROCESS_SOCKET": str(self._ward.door.path)}
        try:
            async with _healers(environment) as self._healers:
                log = self._folder / "points"
                calm = await self._run("calm", (), {"MESH_CRASHPOINT_LOG": str(log)})
                points = list(dict.fromkeys(log.read_text().split()))
                self._say(f"{len(points)} points in a run of {len(calm.found.events)} lines.")
                wanted = self._wanted(points)
                runs = (self._run(f"p{n}", each, {}) for n, each in enumerate(wanted))
                outcomes = await asyncio.gather(*runs)
        finally:
            await self._ward.close()
            self._rows.shutdown()
        return _judged(calm, points, outcomes, time.monotonic() - self._begun)

    def _wanted(self, points: list[str]) -> list[tuple[str, ...]]:
        """Where healers are killed, run by run; those that take longest begin first."""
        mine = [point for point in points if any(PARTS[part](point) for part in self._parts)]
        return [*(TWICE if "twice" in self._parts else ()), *((point,) for point in mine)]

    async def _run(self, name: str, points: tuple[str, ...], more: dict[str, str]) -> Outcome:
        async with self._free:
            instance = f"{ward.APP}-{name}"
            address = await self._ward.admit(instance)
            database = self._folder / f"{name}.sqlite3"
            template = self._folder / "state" / "console.sqlite3"
            await self._asked(ward.admitted, template, database, instance, address)
            voter = spawn(self._vote(database), name=f"vote-{name}")
            kills: list[float] = []
            try:
                for point in points:
                    code = await self._healed(f"{name}-{len(kills)}", database, point, more)
                    if code == KILLED:
                        kills.append(time.time())
                await self._healed(f"{name}-last", database, "", more)
            finally:
                await cancelled(voter)
            found = await self._asked(_found, database)
            effects = self._ward.effects(found.keys, instance)
            await self._ward.discharge(instance)
            if points:
                self._say(f"  {' then '.join(points):48} {_told(found, effects)}")
            return Outcome(
                points=points,
                kills=len(kills),
                resumed_seconds=_resumed(kills, found),
                effects=effects,
                found=found,
            )

    async def _healed(self, name: str, database: Path, point: str, more: dict[str, str]) -> int:
        assert self._healers is not None  # noqa: S101 - inside of figures() only
        environment = more | ({"MESH_CRASHPOINT": point} if point else {})
        return await self._healers.run(name, database, environment)

    async def _vote(self, database: Path) -> None:
        while True:
            if await self._asked(_approved, database):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _asked(self, ask: Callable[..., Any], *words: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._rows, ask, *words)


class _Healers:
    """Healers by name, forked from one process that is told of them line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[str, asyncio.Future[int]] = {}

    async def run(self, name: str, database: Path, environment: dict[str, str]) -> int:
        """Start one, and wait for its exit code."""
        ended = self._waiting[name] = asyncio.get_running_loop().create_future()
        work = {
            "id": name, "database": str(database), "environment": environment,
            "seconds": RUN_SECONDS,
        }  # fmt: skip
        if self._process.stdin is None:
            raise OSError("The healers cannot be told anything.")
        self._process.stdin.write(msgspec.json.encode(work) + b"\n")
        await self._process.stdin.drain()
        return await asyncio.wait_for(ended, RUN_SECONDS + 30.0)

    async def listen(self) -> None:
        """Tell whoever waits that a healer has ended."""
        while self._process.stdout is not None:
            line = await self._process.stdout.readline()
            if not line:
                break
            ended = msgspec.json.decode(line)
            self._waiting.pop(ended["id"]).set_result(ended["code"])


@asynccontextmanager
async def _healers(environment: dict[str, str]) -> AsyncIterator[_Healers]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "healer.casework.alone",
        cwd=ROOT,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    healers = _Healers(process)
    listening = spawn(healers.listen(), name="healers")
    try:
        yield healers
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await cancelled(listening)
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _found(database: Path) -> Found:
    ward.turn_to(database)
    return ward.found()


def _approved(database: Path) -> bool:
    ward.turn_to(database)
    return ward.approve()


def _resumed(kills: list[float], found: Found) -> float:
    """From a kill to whatever came next: something written, or the point of the next kill."""
    waits = []
    for killed_at in kills:
        later = [at for at in (*found.written, *kills) if at > killed_at]
        waits.append(min(later) - killed_at if later else 0.0)
    return max(waits, default=0.0)


def _told(found: Found, effects: list[int]) -> str:
    return f"{found.state}, effects {effects}"


def _judged(calm: Outcome, points: list[str], outcomes: list[Outcome], seconds: float) -> Figures:
    values: dict[str, object] = {
        "points": len(points),
        "runs": len(outcomes),
        "kills": sum(one.kills for one in outcomes),
        "effects_once": sum(one.effects == [1] for one in outcomes),
        "effects_doubled": sum(any(count > 1 for count in one.effects) for one in outcomes),
        "stuck": sum(one.found.state != "resolved" for one in outcomes),
        "resumed_seconds_most": round(max(one.resumed_seconds for one in outcomes), 1),
        "seconds": round(seconds, 1),
    }
    short = list(_short(calm, points, outcomes))
    return Figures(values, short)


def _short(calm: Outcome, points: list[str], outcomes: list[Outcome]) -> Iterator[str]:
    if calm.found.state != "resolved" or calm.effects != [1]:
        yield f"the run that was left alone: {_told(calm.found, calm.effects)}"
    if len(points) < LEAST_POINTS:
        yield f"{len(points)} points are fewer than {LEAST_POINTS}"
    for one in outcomes:
        where = " then ".join(one.points)
        if one.kills != len(one.points):
            yield f"{where}: killed {one.kills} times"
        if one.effects != [1]:
            yield f"{where}: effects {one.effects} instead of one"
        if one.found.state != "resolved":
            yield f"{where}: the case is {one.found.state}"
        if one.found.events != calm.found.events:
            yield f"{where}: another story: {', '.join(one.found.events)}"
        if not (one.found.is_serving and one.found.is_audit_whole):
            yield f"{where}: the instance does not serve, or the audit is not whole"
        if one.resumed_seconds > RESUMED_SECONDS:
            yield f"{where}: resumed after {one.resumed_seconds:.0f} s"
