"""What people allowed holds for one plan, for a time, by enough of them."""

from __future__ import annotations

import msgspec
import pytest

from healer.policy.approving import objection_to
from healer.policy.decision import Plan
from healer.policy.parameters import Policy
from healer.policy.planning import plan_for
from tests.harness.policy import AUTO, NOW, approved, case_of, mesh_of


@pytest.fixture
def removal() -> Plan:
    plan = plan_for(case_of(rung=3), mesh_of(), Policy(mode="approve_all"), NOW)
    assert plan is not None
    return plan


def test_a_removal_is_allowed_by_two_persons(removal: Plan) -> None:
    assert objection_to(removal, approved(removal, "ann", "bob"), NOW) == ""
    assert "1 of 2" in objection_to(removal, approved(removal, "ann"), NOW)
    assert "1 of 2" in objection_to(removal, approved(removal, "ann", "ann"), NOW)


def test_who_asked_does_not_count(removal: Plan) -> None:
    answer = approved(removal, "ann", "bob", requested_by="bob")
    assert "1 of 2" in objection_to(removal, answer, NOW)


def test_needed_is_what_the_plan_says_whatever_the_approval_says(removal: Plan) -> None:
    assert objection_to(removal, approved(removal, "ann", needed=1), NOW) != ""


@pytest.mark.parametrize("state", ["pending", "rejected", "expired", "withdrawn", "used"])
def test_only_an_approval_that_stands_begins_anything(removal: Plan, state: str) -> None:
    assert objection_to(removal, approved(removal, "ann", "bob", state=state), NOW) != ""


def test_it_is_good_for_its_own_plan_only(removal: Plan) -> None:
    other = plan_for(case_of(rung=3), mesh_of(), Policy(mode="approve_all"), NOW + 1)
    assert other is not None
    assert "changed" in objection_to(removal, approved(other, "ann", "bob"), NOW)
    forged = msgspec.structs.replace(removal, instance="shop-9")
    assert "hash" in objection_to(forged, approved(removal, "ann", "bob"), NOW)


def test_it_expires_unless_begun(removal: Plan) -> None:
    answer = approved(removal, "ann", "bob")
    late = removal.expires_at
    assert objection_to(removal, answer, late) != ""
    used = msgspec.structs.replace(answer, state="used")
    assert objection_to(removal, used, late, is_begun=True) == ""


def test_the_emergency_role_may_alone(removal: Plan) -> None:
    assert objection_to(removal, approved(removal, is_override=True), NOW) == ""


def test_nobody_asked_is_no_approval(removal: Plan) -> None:
    assert objection_to(removal, None, NOW) != ""


def test_what_needs_nobody_still_expires() -> None:
    plan = plan_for(case_of(), mesh_of(), AUTO, NOW)
    assert plan is not None
    assert objection_to(plan, None, NOW) == ""
    assert objection_to(plan, None, NOW + 900) != ""
