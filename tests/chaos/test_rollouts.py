"""A change that does harm is taken back by itself, and says by which number."""

from __future__ import annotations

import httpx
import msgspec

from meshconsole.demo.launch import Launched
from meshconsole.drill.rollout import FIRST, SCALE, Part, Rollouts
from meshconsole.drill.stage import Stage
from tests.harness.demo import in_step, only_reported
from tests.harness.wait import eventually


def test_a_wave_whose_instance_fails_is_taken_back_by_the_gate_for_errors(
    demo: Launched, stage: Stage
) -> None:
    in_step(stage)
    control = next(one.control for one in demo.demo.services if one.instance == FIRST)

    def is_warm() -> bool:
        return bool(httpx.get(f"{control}/_count", timeout=5).json()["count"] > 200)

    eventually(is_warm, timeout=60, what=f"{FIRST} has a past to be held against")
    part = Part(about="half fails", fault={"fail": 0.5}, rate=100.0, metrics=("error_rate",))
    rollouts = Rollouts(stage, msgspec.structs.replace(SCALE, rate=40.0))
    with only_reported(stage, "stock"):  # who is left out gets nothing that a gate could judge
        outcome = rollouts.outcome("errors", part)
    assert outcome.short == "", outcome
    assert outcome.tripped is not None
    assert float(str(outcome.tripped["value"])) > float(str(outcome.tripped["bound"]))
    modes = stage.console.get("/api/v1/applications/stock/encryption")["modes"]
    assert set(modes.values()) == {"plaintext"}
