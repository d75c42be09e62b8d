"""Too many new cases at once keep hands still, and for a while after."""

from __future__ import annotations

import pytest

from healer.policy.parameters import Policy
from healer.policy.storm import last_over, storm_gates
from tests.harness.policy import case_of, mesh_of, opened

POLICY = Policy()


def _oks(*ages: float, app: str = "shop") -> list[bool]:
    gates = storm_gates(case_of(), mesh_of(openings=opened(*ages, app=app)), POLICY)
    return [gate.ok for gate in gates]


def test_five_new_cases_of_a_mesh_are_no_storm_and_six_are() -> None:
    assert _oks(1, 2, 3, 4, 5, app="other") == [True, True]
    assert _oks(1, 2, 3, 4, 5, 6, app="other") == [False, True]


def test_two_new_cases_of_one_service_are_no_storm_and_three_are() -> None:
    assert _oks(1, 2) == [True, True]
    assert _oks(1, 2, 3) == [True, False]


def test_a_large_mesh_has_larger_coincidences() -> None:
    openings = opened(*range(10), app="other")
    gates = storm_gates(case_of(), mesh_of(n_instances=200, openings=openings), POLICY)
    assert gates[0].ok
    assert (gates[0].value, gates[0].bound) == (10, 10)


def test_a_storm_is_over_after_five_minutes_of_quiet() -> None:
    assert _oks(300, 301, 302) == [True, False]
    assert _oks(357, 358, 359) == [True, False]
    assert _oks(361, 362, 363) == [True, True]


@pytest.mark.parametrize(
    ("ages", "expected"),
    [([], None), ([1, 2], None), ([1, 2, 3], 0.0), ([1, 2, 100], None), ([70, 80, 90], 30.0)],
)
def test_when_it_was_last_on(ages: list[float], expected: float | None) -> None:
    assert last_over(ages, 2, 60) == expected


def test_cases_opened_in_the_future_of_a_clock_set_back_count_as_now() -> None:
    assert _oks(-500, -400, -300) == [True, False]
