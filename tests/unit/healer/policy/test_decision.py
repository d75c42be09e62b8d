"""Decisions are kept on rows and drawn on pages: they survive JSON."""

from __future__ import annotations

import msgspec

from healer.policy.decision import LADDER, STAY, Change, Decision, GateResult, Plan


def test_a_decision_comes_back_from_json_as_it_was() -> None:
    gate = GateResult(
        name="mesh", ok=True, value=1, bound=2, unit="count", reason="1 of 2.", hard=True
    )
    plan = Plan(
        action="revert",
        instance="shop-1",
        app="shop",
        unit="u1",
        rung=2,
        evidence_version=3,
        gates=(gate,),
        expires_at=900.0,
        approvals_needed=1,
        change=Change(kind="route", ref="17"),
    )
    decision = Decision(
        event=STAY, reason="Why.", due_seconds=5, plan=plan, gates=(gate,), blamed=("a-1",)
    )
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision


def test_the_ladder_ends_with_removal() -> None:
    assert LADDER[0] == "restart_sidecar"
    assert LADDER[-1] == "remove"
