"""What goes by itself, and what asks one person or two."""

from __future__ import annotations

import pytest

from healer.policy.decision import Action
from healer.policy.facts import CaseFacts, Subject
from healer.policy.radius import approvals_needed, radius_gates
from tests.harness.policy import AUTO, case_of, mesh_of

CRITICAL = Subject(instance="shop-1", app="shop", unit="u0", is_critical=True)


def _needed(case: CaseFacts, action: Action) -> int:
    gates = radius_gates(case, mesh_of(), AUTO, action)
    return approvals_needed(case, gates, AUTO, action)


@pytest.mark.parametrize(
    ("action", "needed"),
    [("restart_sidecar", 0), ("restart_process", 0), ("restart_host", 1), ("remove", 2),
     ("revert", 1)],
)  # fmt: skip
def test_the_deeper_an_action_goes_the_more_people_it_needs(action: Action, needed: int) -> None:
    assert _needed(case_of(), action) == needed


def test_a_critical_tier_needs_two_for_everything() -> None:
    assert _needed(case_of(subject=CRITICAL), "restart_sidecar") == 2


def test_an_instance_that_serves_a_twentieth_goes_by_itself_and_a_tenth_asks() -> None:
    assert _needed(case_of(n_serving=20, is_serving=True), "restart_process") == 0
    assert _needed(case_of(n_serving=10, is_serving=True), "restart_process") == 1
    assert _needed(case_of(n_serving=3, is_serving=False), "restart_process") == 0


def test_a_service_that_limits_its_load_is_not_restarted() -> None:
    gates = radius_gates(case_of(), mesh_of(limited={"shop": 0.5}), AUTO, "restart_process")
    limiter = next(gate for gate in gates if gate.name == "limiter")
    assert (limiter.ok, limiter.hard) == (False, True)
