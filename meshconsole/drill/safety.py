"""A hundred meshes that are made to go wrong, and healing that must not make one of them worse.

The rules of healing are the healer's, which the console does not know, so its simulation is run as
a process of its own. What it prints last is what is judged here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from meshconsole.drill.stage import Figures, Scale

ABOUT = "simulated faults, lies, partitions, clocks and races against the rules of healing"
SEEDS = 100
SCALE = Scale(requests=0, changes=0, concurrency=0, rate=0, seeds=SEEDS)
_LEAST_CASES, _LEAST_ACTIONS = 20, 2
"""Of a seed: fewer would show nothing."""
_SILENCE_SECONDS = 1800


def run(say: Callable[[str], None], scale: Scale) -> Figures:
    """Simulate so many seeds; the figures are theirs."""
    processes = max(1, min(4, os.cpu_count() or 1))
    command = [
        sys.executable, "-m", "healer.simulation",
        "--seeds", str(scale.seeds), "--processes", str(processes),
    ]  # fmt: skip
    say(f"{scale.seeds} meshes, two simulated hours each, in {processes} processes.")
    ended = subprocess.run(  # noqa: S603 - our own module
        command, capture_output=True, text=True, timeout=_SILENCE_SECONDS, check=False
    )
    *lines, last = ended.stdout.splitlines() or [""]
    for line in lines:
        say(line)
    try:
        values: dict[str, Any] = json.loads(last)
    except json.JSONDecodeError:
        return Figures({}, [f"The simulation ended by {ended.returncode}: {ended.stderr[-500:]}"])
    return Figures(values, list(shortcomings(values)))


def shortcomings(values: dict[str, Any]) -> Iterator[str]:
    """What is wrong with these figures, each a sentence."""
    for what, count in values["violations"].items():
        yield f"{count} violations of {what}; none may be."
    if values["doubled"]:
        yield f"{values['doubled']} steps had their effect twice."
    seeds = values["seeds"]
    if values["cases"] < _LEAST_CASES * seeds:
        yield f"{values['cases']} cases in {seeds} seeds show too little."
    if values["actions"] < _LEAST_ACTIONS * seeds:
        yield f"{values['actions']} actions in {seeds} seeds show too little."
