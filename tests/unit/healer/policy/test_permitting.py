"""From quorum to the beginning of an action: gates, and the people who are asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from healer.policy.deciding import decide
from healer.policy.decision import Change, Plan
from healer.policy.facts import ApprovalFact, CaseFacts
from healer.policy.parameters import Policy
from healer.policy.planning import plan_for
from tests.harness.policy import AUTO, NOW, approved, case_of, mesh_of, opened, out

ASK = Policy(mode="approve_all")
NEAR = mesh_of(changes=(Change(kind="rollout", ref="12", app="shop", age_seconds=60),))


@pytest.fixture
def plan() -> Plan:
    made = plan_for(case_of(), mesh_of(), ASK, NOW)
    assert made is not None
    return made


def _awaiting(plan: Plan, approval: ApprovalFact | None, **changes: Any) -> CaseFacts:
    return case_of("awaiting_approval", plan=plan, approval=approval, **changes)


def test_a_small_action_begins_by_itself() -> None:
    decision = decide(case_of(), mesh_of(), AUTO, NOW)
    assert decision.event == "auto_approved"
    assert decision.plan is not None
    assert decision.plan.gates == decision.gates


def test_in_observe_it_says_what_it_would_do_and_does_nothing() -> None:
    decision = decide(case_of(), mesh_of(), Policy(), NOW)
    assert decision.event == "stay"
    assert "only observes" in decision.reason
    assert decision.plan is not None


def test_what_asks_a_person_is_asked_with_the_reason() -> None:
    decision = decide(case_of(), mesh_of(), ASK, NOW)
    assert decision.event == "approval_needed"
    assert "asks a person" in decision.reason


def test_a_gate_that_forbids_is_named_and_looked_at_again() -> None:
    decision = decide(case_of(), mesh_of(out=(out("2"),)), AUTO, NOW)
    assert (decision.event, decision.due_seconds) == ("stay", 5)
    assert "shop-1" in decision.reason
    assert "2 of shop out" in decision.reason


def test_half_an_hour_of_gates_goes_to_a_person() -> None:
    late = case_of(seconds=1800)
    assert decide(late, mesh_of(out=(out("2"),)), AUTO, NOW).event == "gated_too_long"
    assert decide(late, mesh_of(), AUTO, NOW).event == "auto_approved"


@pytest.mark.parametrize("state", ["gated", "awaiting_approval"])
def test_evidence_that_is_gone_ends_it_but_not_right_after_entering(state: str) -> None:
    silent: dict[str, Any] = {"newest_evidence_age_seconds": 90.0}
    assert decide(case_of(state, seconds=61, **silent), mesh_of(), AUTO, NOW).event == (
        "evidence_gone"
    )
    assert decide(case_of("gated", seconds=5, **silent), mesh_of(), AUTO, NOW).event == "stay"


def test_yes_begins_it_and_no_ends_it(plan: Plan) -> None:
    yes, no = approved(plan, "ann"), approved(plan, state="rejected", rejected_by="bob")
    assert decide(_awaiting(plan, yes), mesh_of(), ASK, NOW).event == "approved"
    assert decide(_awaiting(plan, no), mesh_of(), ASK, NOW).event == "rejected"


def test_nobody_answering_is_never_a_yes(plan: Plan) -> None:
    pending = approved(plan, state="pending")
    assert decide(_awaiting(plan, pending), mesh_of(), ASK, NOW).event == "stay"
    late = decide(_awaiting(plan, pending), mesh_of(), ASK, NOW + 900)
    assert late.event == "approval_expired"


def test_a_yes_that_came_and_was_not_used_in_time_expires_too(plan: Plan) -> None:
    yes = approved(plan, "ann")
    assert decide(_awaiting(plan, yes), mesh_of(), ASK, NOW + 901).event == "approval_expired"


def test_a_yes_waits_for_every_gate(plan: Plan) -> None:
    yes = approved(plan, "ann")
    taken = mesh_of(out=(out("2"),))
    decision = decide(_awaiting(plan, yes), taken, ASK, NOW)
    assert decision.event == "stay"
    assert decision.reason.startswith("Approved, but it waits.")
    stale = _awaiting(plan, yes, newest_evidence_age_seconds=61.0)
    assert decide(stale, mesh_of(), ASK, NOW).event == "stay"


def test_a_yes_to_another_plan_begins_nothing(plan: Plan) -> None:
    other = msgspec.structs.replace(approved(plan, "ann"), plan_hash="0" * 64)
    assert decide(_awaiting(plan, other), mesh_of(), ASK, NOW).event == "plan_changed"
    assert decide(_awaiting(plan, approved(plan, "ann")), NEAR, ASK, NOW).event == "plan_changed"
    forged = msgspec.structs.replace(plan, action="remove")
    yes = approved(plan, "ann")
    assert decide(_awaiting(forged, yes), mesh_of(), ASK, NOW).event == "plan_changed"


def test_a_storm_holds_what_waits_for_a_person(plan: Plan) -> None:
    storm = mesh_of(openings=opened(1, 2, 3))
    yes = approved(plan, "ann")
    assert decide(_awaiting(plan, yes), storm, ASK, NOW).event == "held"


def test_a_revert_is_a_persons_to_do() -> None:
    revert = plan_for(case_of(), NEAR, AUTO, NOW)
    assert revert is not None
    decision = decide(_awaiting(revert, approved(revert, "ann")), NEAR, AUTO, NOW)
    assert decision.event == "stay"
    assert "reverting rollout 12" in decision.reason


def test_a_removal_that_was_asked_for_needs_two_and_no_reports() -> None:
    asked = case_of(
        reports=(), newest_evidence_age_seconds=None, removal_asked_by="ann", seconds=100
    )
    decision = decide(asked, mesh_of(), AUTO, NOW)
    assert decision.event == "approval_needed"
    assert decision.plan is not None
    assert decision.plan.approvals_needed == 2
