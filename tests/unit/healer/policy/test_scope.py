"""A fault of the service is told from faults of instances."""

from __future__ import annotations

import pytest

from healer.policy.decision import Change
from healer.policy.facts import Accused
from healer.policy.parameters import Policy
from healer.policy.scope import service_incident, under_report
from tests.harness.policy import case_of, mesh_of, said_by

POLICY = Policy()


def _accused(count: int, *reporters: str) -> tuple[Accused, ...]:
    named = reporters or ("front-1", "front-2")
    return tuple(Accused(instance=f"shop-{at}", reporters=named) for at in range(count))


@pytest.mark.parametrize(
    ("n", "ill", "incident"),
    [(1, 1, False), (2, 1, False), (3, 1, False), (3, 2, True), (9, 4, False), (9, 5, True),
     (10, 2, False), (10, 3, True), (100, 29, False), (100, 30, True)],
)  # fmt: skip
def test_more_than_half_or_three_in_ten_of_a_large_one(n: int, ill: int, incident: bool) -> None:
    case = case_of(n_instances=n, accused=_accused(ill))
    assert bool(service_incident(case, mesh_of(), POLICY)) == incident


def test_one_caller_of_several_makes_no_incident() -> None:
    assert under_report(case_of(accused=_accused(10, "front-1")), POLICY) == 0


def test_a_suspect_makes_no_incident() -> None:
    reports = said_by("front-1", "front-2", is_accused=True)
    case = case_of(reports=reports, accused=_accused(10))
    assert service_incident(case, mesh_of(), POLICY) == ""


def test_callers_may_say_it_of_the_whole_service() -> None:
    case = case_of(service_reporters=("front-1", "front-2"))
    assert "2 callers" in service_incident(case, mesh_of(), POLICY)
    assert service_incident(case_of(service_reporters=("front-1",)), mesh_of(), POLICY) == ""


def test_a_service_that_limits_its_load_lacks_capacity() -> None:
    assert "capacity" in service_incident(case_of(), mesh_of(limited={"shop": 0.5}), POLICY)
    assert service_incident(case_of(), mesh_of(limited={"shop": 0.4}), POLICY) == ""


def test_it_names_the_change_that_was_near() -> None:
    mesh = mesh_of(changes=(Change(kind="rollout", ref="12", app="shop"),))
    assert "rollout 12" in service_incident(case_of(accused=_accused(10)), mesh, POLICY)
