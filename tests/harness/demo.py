"""A whole demo for the tests that need one: real processes on free ports, gone at the end."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from meshconsole.demo.launch import Launched, launched, stop
from meshconsole.demo.state import ProcessLine
from meshconsole.drill.console import Refused
from meshconsole.drill.stage import Stage
from meshconsole.drill.volley import Volley
from proxy.aio import spawn
from tests.harness.wait import eventually

AGAIN_SECONDS = 30.0
"""What was killed serves again within this time, its pause included."""


@pytest.fixture(scope="session")
def demo() -> Iterator[Launched]:
    """One demo for the whole session, under its own light load; `demo.demo` is its demo.json.

    At the end it is told to stop as by `kill`, and has to leave nothing behind.
    """
    with (
        tempfile.TemporaryDirectory(prefix="mesh-e2e-") as folder,
        launched(Path(folder), "--port", "8200", "--rate", "40") as running,
    ):
        yield running
        pids = [process.pid for process in running.demo.processes]
        assert stop(running.process) == 0
        assert not (running.folder / "demo.json").exists()
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.fixture
def stage(demo: Launched) -> Iterator[Stage]:
    """The demo with a signed-in console session beside it."""
    made = Stage(demo.folder, demo.password, lambda line: None)
    yield made
    made.console.close()


def process_of(demo: Launched, name: str) -> ProcessLine:
    """The child of that name as demo.json has it now."""
    return next(each for each in demo.demo.processes if each.name == name)


def restarted(demo: Launched, name: str, pid: int) -> ProcessLine:
    """Wait until demo.json has a new pid for that child; while it is down it is not in there."""

    def again() -> ProcessLine | None:
        lines = [each for each in demo.demo.processes if each.name == name and each.pid != pid]
        return lines[0] if lines else None

    found = eventually(again, timeout=AGAIN_SECONDS, what=f"{name} is started again")
    assert found is not None
    return found


def in_step(stage: Stage, timeout: float = AGAIN_SECONDS) -> None:
    """Wait until all nine sidecars hold what the console wants them to."""

    def all_nine() -> bool:
        try:
            progress = stage.console.get("/api/v1/progress")
        except Refused:  # Redis is not back yet
            return False
        return bool(progress["expected"] == 9 and progress["acked"] == 9)

    eventually(all_nine, timeout=timeout, what="nine sidecars are in step")


def answers(url: str) -> bool:
    """Whether GET is answered with 2xx."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


class Counted(msgspec.Struct, frozen=True):
    """What became of a counted run."""

    sent: int
    failed: int
    lost: int
    repeated: int
    outcomes: dict[str, int]


def counted(stage: Stage, total: int, rate: float, during: Callable[[], None]) -> Counted:
    """Send `total` numbered requests while `during` does its worst; ask the origins after."""
    return asyncio.run(_counted(stage, total, rate, during))


async def _counted(stage: Stage, total: int, rate: float, during: Callable[[], None]) -> Counted:
    run = f"t{secrets.token_hex(4)}"
    async with stage.entrance() as entrance:
        volley = Volley(entrance, run=run, path="/browse", host="gateway", total=total, rate=rate)
        firing = spawn(volley.fire(8), name="counted")
        await volley.reached(total // 10)
        await asyncio.to_thread(during)
        await firing
    counts = stage.counted(stage.services("order"), run, "GET /orders/{id}")
    lost, repeated = counts.judge(range(total))
    return Counted(total, volley.failed, lost, repeated, dict(volley.outcomes))


@contextmanager
def only_reported(stage: Stage, app: str) -> Iterator[None]:
    """Callers of `app` eject nobody for a while, as before anybody let them."""
    path = f"/api/v1/applications/{app}/healing-policy"

    def say(**wish: str) -> None:
        version = stage.console.get(path)["version"]
        stage.console.put(path, {**wish, "reason": "A test."}, version=version)

    say(ejection_mode="report")
    try:
        yield
    finally:
        say()
