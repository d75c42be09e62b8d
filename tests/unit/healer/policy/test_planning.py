"""Which action it is, whom it needs, and when an answer to it is one no more."""

from __future__ import annotations

import msgspec

from healer.policy.decision import Change
from healer.policy.parameters import Policy
from healer.policy.planning import plan_again, plan_for, what_changed
from tests.harness.policy import AUTO, NOW, case_of, mesh_of

NEAR = mesh_of(changes=(Change(kind="rollout", ref="12", app="shop", age_seconds=60),))


def test_it_is_the_next_rung_and_expires() -> None:
    plan = plan_for(case_of(evidence_version=5), mesh_of(), AUTO, NOW)
    assert plan is not None
    assert (plan.action, plan.rung, plan.evidence_version) == ("restart_process", 2, 5)
    assert plan.expires_at == NOW + 900
    assert plan.approvals_needed == 0


def test_a_change_that_was_near_is_to_be_undone_and_a_person_asked() -> None:
    plan = plan_for(case_of(), NEAR, AUTO, NOW)
    assert plan is not None
    assert (plan.action, plan.approvals_needed) == ("revert", 1)
    assert plan.change == NEAR.changes[0]


def test_a_removal_that_was_asked_for_is_not_turned_into_a_revert() -> None:
    plan = plan_for(case_of(removal_asked_by="ann"), NEAR, AUTO, NOW)
    assert plan is not None
    assert (plan.action, plan.approvals_needed) == ("remove", 2)


def test_there_is_none_when_the_ladder_has_ended() -> None:
    assert plan_for(case_of(rung=4), mesh_of(), AUTO, NOW) is None


def test_newer_evidence_of_the_same_fault_changes_nothing() -> None:
    plan = plan_for(case_of(), mesh_of(), AUTO, NOW)
    again = plan_for(case_of(evidence_version=9), mesh_of(), AUTO, NOW + 60)
    assert plan is not None
    assert what_changed(plan, again) == ""


def test_another_action_or_more_people_are_another_plan() -> None:
    plan = plan_for(case_of(), mesh_of(), AUTO, NOW)
    assert plan is not None
    assert "revert" in what_changed(plan, plan_for(case_of(), NEAR, AUTO, NOW))
    asking = plan_for(case_of(), mesh_of(), Policy(mode="approve_all"), NOW)
    assert "1 approvals" in what_changed(plan, asking)
    assert "ladder" in what_changed(plan, None)
    other = msgspec.structs.replace(plan, instance="shop-2")
    assert "another" in what_changed(plan, other)


def test_a_revert_stays_asked_for_while_its_change_grows_old() -> None:
    plan = plan_for(case_of(), NEAR, AUTO, NOW)
    assert plan is not None
    assert what_changed(plan, plan_for(case_of(), mesh_of(), AUTO, NOW)) == ""
    newer = mesh_of(changes=(Change(kind="route", ref="3", app="shop"),))
    assert "route 3" in what_changed(plan, plan_for(case_of(), newer, AUTO, NOW))


def test_a_plan_is_looked_at_again_with_the_gates_of_now() -> None:
    plan = plan_for(case_of(), mesh_of(), AUTO, NOW)
    assert plan is not None
    again = plan_again(case_of(), NEAR, AUTO, NOW, plan)
    assert again.action == plan.action
    assert not next(gate for gate in again.gates if gate.name == "change_nearby").ok
