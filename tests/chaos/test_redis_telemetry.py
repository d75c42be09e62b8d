"""Redis dies and comes back empty: what was held is written then, once, and nothing is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from meshconsole.core import redis as core_redis, redis_server
from meshconsole.core.errors import Degraded
from meshconsole.telemetry import selectors
from meshconsole.telemetry.reader import EDGES
from meshconsole.telemetry.services import BUCKETS_HELD, WindowStore
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import EdgeWindow
from proxy.contract.session import Report

NOW = 1_800_000_000.0
GATEWAY = InstanceIdentity(
    trust_domain="mesh.local", unit="unit1", app="gateway", instance="gateway-1"
)


class Settings(Protocol):
    """The settings fixture, as far as it is used here."""

    MESH_REDIS_URL: str


class Switch:
    """A Redis that can be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def on(self) -> str:
        self._process, url = redis_server.start(self._folder)
        core_redis.forget_failures()
        return url

    def off(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None


@pytest.fixture
def switch(tmp_path: Path, settings: Settings) -> Iterator[Switch]:
    made = Switch(tmp_path)
    settings.MESH_REDIS_URL = made.on()
    EDGES.forget()
    yield made
    made.off()
    core_redis.client(text=False).close()


def report(seq: int, at: float = NOW) -> Report:
    window = EdgeWindow(
        side="out", app="order", unit="unit1", group="Group_1", interface="GET /", requests=10
    )
    return Report(seq=seq, window_start=at, window_end=at + 1, up=[window])


def counted(now: float, minutes: int = 5) -> int:
    EDGES.forget()
    core_redis.forget_failures()
    return sum(edge.figures.requests for edge in selectors.edges(minutes=minutes, now=now))


async def test_what_was_taken_while_redis_was_away_is_written_when_it_is_back(
    switch: Switch,
) -> None:
    windows = WindowStore("s1", now=lambda: NOW + 12)
    windows.add(GATEWAY, "", "boot", report(1))
    await windows.flush()
    switch.off()
    for seq in (2, 3):
        windows.add(GATEWAY, "", "boot", report(seq))
        with pytest.raises(Degraded):
            await windows.flush()
    assert not windows.add(GATEWAY, "", "boot", report(3)), "it is held, and known"
    with pytest.raises(Degraded):
        counted(NOW + 15)
    switch.on()
    await windows.flush()
    assert counted(NOW + 15) == 30, "the running total is written whole, also what Redis forgot"
    await core_redis.async_close()


async def test_a_sidecar_first_heard_while_redis_was_away_is_counted_once(switch: Switch) -> None:
    windows = WindowStore("s1", now=lambda: NOW + 12)
    switch.off()
    for _ in range(3):
        windows.add(GATEWAY, "", "boot", report(1))
        with pytest.raises(Degraded):
            await windows.flush()
    switch.on()
    await windows.flush()
    await windows.flush()
    assert counted(NOW + 15) == 10
    await core_redis.async_close()


async def test_a_long_absence_is_held_within_bounds_and_its_loss_is_counted(
    switch: Switch,
) -> None:
    clock = [NOW + 12]
    windows = WindowStore("s1", now=lambda: clock[0])
    windows.add(GATEWAY, "", "boot", report(0))
    await windows.flush()
    switch.off()
    for step in range(1, BUCKETS_HELD + 11):
        clock[0] = NOW + 10 * step + 5
        windows.add(GATEWAY, "", "boot", report(step, at=clock[0]))
    with pytest.raises(Degraded):
        await windows.flush()
    switch.on()
    await windows.flush()
    assert windows.lost_count == 11
    assert counted(clock[0] + 20, minutes=60) == 10 * BUCKETS_HELD
    await core_redis.async_close()
