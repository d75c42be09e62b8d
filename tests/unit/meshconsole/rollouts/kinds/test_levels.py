"""The way from one level of healing to another leaps over none."""

from __future__ import annotations

import pytest

from meshconsole.rollouts.kinds.levels import is_wider, power_verb, way


def test_every_level_between_is_a_step_of_its_own() -> None:
    assert way("ejection_mode", "off", "eject") == [
        ("off", "report"),
        ("report", "weight"),
        ("weight", "eject"),
    ]
    assert way("mode", "auto", "observe") == [("auto", "approve_all"), ("approve_all", "observe")]
    assert way("mode", "auto", "auto") == []


@pytest.mark.parametrize(
    ("now", "to", "wider"),
    [("observe", "auto", True), ("auto", "observe", False), ("auto", "auto", False)],
)
def test_more_power_is_told_from_less(now: str, to: str, wider: bool) -> None:
    assert is_wider("mode", now, to) is wider


def test_to_act_without_asking_asks_for_more_than_anything_else() -> None:
    assert power_verb("mode", "auto") == "healing_automate"
    assert power_verb("mode", "approve_all") == "healing_widen"
    assert power_verb("ejection_mode", "eject") == "healing_widen"
