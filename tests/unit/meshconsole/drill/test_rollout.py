"""What a part of the drill has to end as, and by what."""

from __future__ import annotations

from meshconsole.drill.rolling import Gate, Ledger, Shown, Wave
from meshconsole.drill.rollout import PARTS, Part, _short


def ended(state: str, metric: str = "", *, cut: int = 0) -> Shown:
    gates = [Gate(metric, "fail", 0.07, 0.0, 0.005, f"{metric} is bad.")] if metric else []
    wave = Wave(
        number=1, stage="preferred", share="1 instance", state="passed", targets=[], gates=gates,
        ledger=Ledger(started=100, cut=cut),
    )  # fmt: skip
    return Shown(id=1, state=state, note=f"{metric}: bad", approval="", waves=[wave])


def test_every_fault_of_the_promise_has_a_part_and_a_gate() -> None:
    assert {name: part.metrics for name, part in PARTS.items() if part.fault} == {
        "handshakes": ("handshakes",),
        "errors": ("error_rate",),
        "slow": ("p99", "p50"),
    }
    assert (PARTS["calm"].ends, PARTS["scarce"].ends) == ("completed", "paused")


def test_a_bad_change_must_be_taken_back_by_the_gate_for_it() -> None:
    part = Part(about="", metrics=("p99", "p50"))
    assert _short(part, ended("rolled_back", "p50"), 20) == ""
    assert "not by p99 or p50" in _short(part, ended("rolled_back", "error_rate"), 20)
    assert "no gate at all" in _short(part, ended("rolled_back"), 20)
    assert "completed instead of rolled_back" in _short(part, ended("completed"), 20)


def test_a_good_one_ends_in_its_time_and_cuts_nothing() -> None:
    part = PARTS["calm"]
    assert _short(part, ended("completed"), 75) == ""
    assert "instead of 60 to 90" in _short(part, ended("completed"), 91)
    assert _short(part, ended("completed", cut=1), 75) == "requests were cut"
