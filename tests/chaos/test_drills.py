"""The counted drills, small: nothing is lost, repeated or mixed while processes change places."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from meshconsole.drill import handover, soak
from meshconsole.drill.lines import PROTOCOLS

ROOT = Path(__file__).parents[2]
SPOKEN = {*PROTOCOLS, "h1 tls", "h2 tls"}


def test_every_protocol_over_three_upgrades_and_two_that_fail() -> None:
    said: list[str] = []
    scale = msgspec.structs.replace(
        handover.SCALE, requests=20_000, changes=3, concurrency=24, rate=1200.0
    )
    figures = handover.run(said.append, scale)
    assert figures.short == [], (figures.values, said)
    assert figures.values["handovers_under_load"] == 3
    answered = figures.values["answered"]
    assert isinstance(answered, dict)
    assert set(answered) == SPOKEN


@pytest.mark.parametrize("workers", [1, 2])
def test_reloads_swaps_churn_and_handovers_under_load(workers: int) -> None:
    said: list[str] = []
    scale = msgspec.structs.replace(
        soak.SCALE, requests=60_000, changes=24, concurrency=24, workers=workers
    )
    figures = soak.run(said.append, scale)
    assert figures.short == [], (figures.values, said)
    assert figures.values["generations"] == {"proxy": 3, "gate": 3}
    answered = figures.values["answered"]
    assert isinstance(answered, dict)
    assert set(answered) == SPOKEN


def test_a_healer_killed_twice_in_one_step_heals_once() -> None:
    argv = [sys.executable, "manage.py", "drill", "crashpoints", "--parts", "twice"]
    drill = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert drill.returncode == 0, drill.stdout[-2000:] + drill.stderr[-2000:]
    figures = json.loads(drill.stdout.splitlines()[-1])
    assert figures["effects_doubled"] == 0
