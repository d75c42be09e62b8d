"""A hash is of all that a plan says, and survives a row."""

from __future__ import annotations

import msgspec
import pytest

from healer.policy.decision import Plan
from healer.policy.plan import is_intact, plan_hash
from healer.policy.planning import plan_for
from tests.harness.policy import AUTO, NOW, case_of, mesh_of


@pytest.fixture
def plan() -> Plan:
    made = plan_for(case_of(), mesh_of(), AUTO, NOW)
    assert made is not None
    return made


def test_a_plan_read_back_from_a_row_is_intact(plan: Plan) -> None:
    back = msgspec.convert(msgspec.json.decode(msgspec.json.encode(plan)), Plan)
    assert back == plan
    assert is_intact(back, plan.hash)


@pytest.mark.parametrize(
    ("field", "value"),
    [("action", "remove"), ("instance", "shop-2"), ("app", "till"), ("rung", 4), ("gates", ()),
     ("evidence_version", 99), ("expires_at", NOW * 2), ("approvals_needed", 7)],
)  # fmt: skip
def test_nothing_can_be_changed_unnoticed(plan: Plan, field: str, value: object) -> None:
    forged = msgspec.structs.replace(plan, **{field: value})
    assert plan_hash(forged) != plan.hash
    assert not is_intact(forged)


def test_a_plan_is_not_another_plan(plan: Plan) -> None:
    other = plan_for(case_of(), mesh_of(), AUTO, NOW + 1)
    assert other is not None
    assert not is_intact(plan, other.hash)
