"""A safety drill passes without a violation, and not when it showed nothing."""

from __future__ import annotations

from typing import Any

from meshconsole.drill.safety import shortcomings

GOOD: dict[str, Any] = {"seeds": 2, "cases": 400, "actions": 20, "doubled": 0, "violations": {}}


def _short(**changes: object) -> list[str]:
    return list(shortcomings({**GOOD, **changes}))


def test_no_violation_is_a_pass() -> None:
    assert _short() == []


def test_any_violation_and_any_doubled_effect_is_short() -> None:
    assert _short(violations={"budget": 1}) == ["1 violations of budget; none may be."]
    assert _short(doubled=1) == ["1 steps had their effect twice."]


def test_a_simulation_in_which_nothing_happens_shows_nothing() -> None:
    assert len(_short(cases=1, actions=0)) == 2
