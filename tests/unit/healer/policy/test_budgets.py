"""How much may be out at once: bounds hold after the action."""

from __future__ import annotations

import pytest

from healer.policy.budgets import budget_gates, healthy_bound, service_out_bound, unit_out_bound
from healer.policy.decision import Action, GateResult
from healer.policy.facts import CaseFacts, MeshFacts
from healer.policy.parameters import Policy
from tests.harness.policy import case_of, mesh_of, out

POLICY = Policy()


def _gates(
    case: CaseFacts, mesh: MeshFacts, action: Action = "restart_process"
) -> dict[str, GateResult]:
    return {gate.name: gate for gate in budget_gates(case, mesh, POLICY, action)}


def test_in_a_quiet_mesh_every_budget_allows_one() -> None:
    assert all(gate.ok and gate.hard for gate in _gates(case_of(), mesh_of()).values())


@pytest.mark.parametrize(("n", "bound"), [(1, 1), (3, 1), (19, 1), (20, 2), (100, 10)])
def test_a_tenth_of_a_service_may_be_out_and_always_one(n: int, bound: int) -> None:
    assert service_out_bound(n, POLICY) == bound


@pytest.mark.parametrize(("n", "bound"), [(3, 2), (4, 3), (5, 3), (10, 6), (100, 60)])
def test_six_in_ten_must_serve(n: int, bound: int) -> None:
    assert healthy_bound(n, POLICY) == bound


@pytest.mark.parametrize(("n", "bound"), [(0, 1), (19, 1), (40, 2), (60, 3), (1000, 3)])
def test_a_twentieth_of_a_unit_three_at_most_and_one_always(n: int, bound: int) -> None:
    assert unit_out_bound(n, POLICY) == bound


def test_another_of_the_service_that_waits_for_approval_uses_it_up() -> None:
    assert not _gates(case_of(), mesh_of(out=(out("2"),)))["service_out"].ok
    assert _gates(case_of(), mesh_of(out=(out("2", app="other"),)))["service_out"].ok


def test_a_case_does_not_stand_in_its_own_way() -> None:
    assert all(gate.ok for gate in _gates(case_of(), mesh_of(out=(out("1"),))).values())


def test_two_of_the_mesh_and_no_third() -> None:
    one, two = out("2", "a", "u1"), out("3", "b", "u1")
    assert _gates(case_of(), mesh_of(out=(one,)))["mesh_out"].ok
    assert not _gates(case_of(), mesh_of(out=(one, two)))["mesh_out"].ok


def test_ten_actions_in_an_hour_counting_what_is_about_to_begin() -> None:
    assert _gates(case_of(), mesh_of(actions_last_hour=9))["mesh_rate"].ok
    assert not _gates(case_of(), mesh_of(actions_last_hour=10))["mesh_rate"].ok
    waiting = mesh_of(actions_last_hour=9, out=(out("2", "a"),))
    assert not _gates(case_of(), waiting)["mesh_rate"].ok


def test_who_is_ejected_costs_no_capacity_and_who_serves_costs_one() -> None:
    assert _gates(case_of(n_serving=6, is_serving=False), mesh_of())["service_healthy"].ok
    assert not _gates(case_of(n_serving=6, is_serving=True), mesh_of())["service_healthy"].ok


def test_what_waits_and_still_serves_may_leave_at_any_moment() -> None:
    case = case_of(n_serving=6)
    assert not _gates(case, mesh_of(out=(out("2", is_serving=True),)))["service_healthy"].ok


def test_a_service_of_two_asks_a_person_instead() -> None:
    gate = _gates(case_of(n_instances=2, n_serving=1), mesh_of())["service_healthy"]
    assert (gate.ok, gate.hard) == (False, False)


def test_fifteen_minutes_between_two_actions_on_an_instance() -> None:
    assert not _gates(case_of(last_action_age_seconds=899), mesh_of())["instance_apart"].ok
    assert _gates(case_of(last_action_age_seconds=900), mesh_of())["instance_apart"].ok


def test_two_restarts_a_day_and_then_only_a_removal() -> None:
    assert _gates(case_of(actions_24h=1), mesh_of())["instance_day"].ok
    assert not _gates(case_of(actions_24h=2), mesh_of())["instance_day"].ok
    assert _gates(case_of(actions_24h=2), mesh_of(), "remove")["instance_day"].ok
