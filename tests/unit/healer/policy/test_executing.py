"""Drained, acted, verified, returned: each with its end in time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from healer.policy.deciding import decide
from healer.policy.decision import Plan
from healer.policy.executing import error_rate_least
from healer.policy.facts import CheckFact, DrainFact, ProbeFact, StepFact, TrafficFact
from healer.policy.parameters import Policy
from healer.policy.planning import plan_for
from tests.harness.policy import AUTO, NOW, approved, case_of, mesh_of, opened, out

EMPTY = DrainFact(is_unpublished=True, in_flight=0)
BUSY = DrainFact(is_unpublished=True, in_flight=3)


@pytest.fixture
def plan() -> Plan:
    made = plan_for(case_of(), mesh_of(), AUTO, NOW - 10)
    assert made is not None
    return made


def _event(state: str, seconds: float = 1.0, **changes: Any) -> str:
    return decide(case_of(state, seconds=seconds, **changes), mesh_of(), AUTO, NOW).event


def test_it_is_drained_when_empty_or_after_a_minute(plan: Plan) -> None:
    assert _event("draining", plan=plan, drain=EMPTY) == "drained"
    assert _event("draining", plan=plan, drain=BUSY) == "stay"
    assert _event("draining", seconds=60, plan=plan, drain=BUSY) == "drained"
    unsaid = DrainFact(is_unpublished=True, in_flight=None)
    assert _event("draining", plan=plan, drain=unsaid) == "stay"


def test_a_removal_may_drain_for_five_minutes() -> None:
    plan = plan_for(case_of(rung=3), mesh_of(), AUTO, NOW)
    assert plan is not None
    yes = approved(plan, "ann", "bob", state="used")
    facts: dict[str, Any] = {"plan": plan, "approval": yes, "drain": BUSY}
    assert _event("draining", seconds=299, **facts) == "stay"
    assert _event("draining", seconds=300, **facts) == "drained"


def test_callers_fall_silent_while_it_drains_and_that_is_no_recovery(plan: Plan) -> None:
    silent: dict[str, Any] = {"reports": (), "newest_evidence_age_seconds": 100.0}
    assert _event("draining", plan=plan, drain=EMPTY, **silent) == "drained"


def test_a_brake_aborts_no_drain_half_way_and_then_the_instance_returns(plan: Plan) -> None:
    killed = mesh_of(kill_switches={"": "Stop."})
    busy = case_of("draining", plan=plan, drain=BUSY)
    assert decide(busy, killed, AUTO, NOW).event == "stay"
    empty = case_of("draining", plan=plan, drain=EMPTY)
    assert decide(empty, killed, AUTO, NOW).event == "held"
    assert decide(empty, mesh_of(openings=opened(1, 2, 3)), AUTO, NOW).event == "held"


def test_what_changed_while_it_drained_is_asked_anew(plan: Plan) -> None:
    empty = case_of("draining", plan=plan, drain=EMPTY)
    assert decide(empty, mesh_of(), Policy(mode="approve_all"), NOW).event == "plan_changed"
    assert decide(empty, mesh_of(out=(out("2"),)), AUTO, NOW).event == "plan_changed"
    forged = msgspec.structs.replace(plan, instance="shop-2")
    assert _event("draining", plan=forged, drain=EMPTY) == "plan_changed"
    assert _event("draining", drain=EMPTY) == "plan_changed"


def test_an_instance_that_left_while_it_drained_needs_nothing(plan: Plan) -> None:
    assert _event("draining", plan=plan, drain=EMPTY, is_known=False) == "evidence_gone"


@pytest.mark.parametrize(
    ("state", "event"),
    [("planned", "stay"), ("running", "stay"), ("unknown", "stay"), ("failed", "act_failed"),
     ("succeeded", "acted")],
)  # fmt: skip
def test_the_actuator_says_how_it_went(plan: Plan, state: str, event: str) -> None:
    step = msgspec.convert({"state": state}, StepFact)
    assert _event("acting", plan=plan, step=step) == event


def test_an_actuator_that_says_nothing_has_failed_after_two_minutes(plan: Plan) -> None:
    assert _event("acting", seconds=119, plan=plan) == "stay"
    assert _event("acting", seconds=120, plan=plan) == "act_failed"


def test_a_removal_that_is_done_ends_the_case() -> None:
    plan = plan_for(case_of(rung=3), mesh_of(), AUTO, NOW)
    assert _event("acting", plan=plan, step=StepFact(state="succeeded")) == "removed"


def test_two_self_tests_and_five_probes_verify_it() -> None:
    assert _event("verifying", checks=CheckFact(self_tests_ok=2, probes_ok=5)) == "verified"
    assert _event("verifying", checks=CheckFact(self_tests_ok=2, probes_ok=4)) == "stay"
    assert _event("verifying", seconds=180) == "verify_failed"


@pytest.mark.parametrize(
    ("seconds", "requests", "errors", "event"),
    [
        (59, 500, 0, "stay"),
        (60, 49, 0, "stay"),
        (60, 50, 0, "resolved"),
        (120, 0, 0, "resolved"),
        (60, 500, 500, "relapsed"),
        (120, 10, 10, "relapsed"),
        (60, 500, 20, "resolved"),
        (60, 500, 100, "relapsed"),
    ],
)
def test_real_traffic_judges_it(seconds: float, requests: int, errors: int, event: str) -> None:
    traffic = TrafficFact(requests=requests, errors=errors)
    assert _event("returning", seconds=seconds, traffic=traffic) == event


def test_a_new_ejection_is_a_relapse_at_once() -> None:
    assert _event("returning", traffic=TrafficFact(has_new_ejection=True)) == "relapsed"


def test_what_did_not_help_goes_up_the_ladder_and_then_to_a_person() -> None:
    assert _event("failed", rung=2) == "next_rung"
    assert _event("failed", rung=4) == "ladder_ended"
    assert _event("failed", rung=4, removal_asked_by="ann") == "ladder_ended"


@pytest.mark.parametrize("state", ["escalated", "service_incident"])
def test_what_waits_for_a_person_ends_with_the_fault(state: str) -> None:
    assert _event(state) == "stay"
    assert _event(state, newest_evidence_age_seconds=60.0) == "went_quiet"
    assert _event(state, is_known=False) == "dismissed"


def test_an_instance_that_we_took_out_is_not_well_because_nobody_complains() -> None:
    assert _event("escalated", newest_evidence_age_seconds=60.0, drain=EMPTY) == "stay"


def test_next_rung_may_begin_on_our_own_failing_probe() -> None:
    silent: dict[str, Any] = {"reports": (), "rung": 2, "probe": ProbeFact(is_ok=False)}
    decision = decide(case_of("gated", **silent), mesh_of(), AUTO, NOW)
    assert decision.event == "approval_needed"
    assert decision.plan is not None
    assert decision.plan.action == "restart_host"


def test_the_lower_bound_of_an_error_rate() -> None:
    assert error_rate_least(0, 0) == 0.0
    assert error_rate_least(0, 50) == 0.0
    assert error_rate_least(25, 50) == pytest.approx(0.330, abs=0.01)
