"""A drill shortens waits, and nothing by which evidence or people are judged."""

from __future__ import annotations

import msgspec

from healer.casework.terms import SCALED, scaled
from healer.policy.parameters import Policy


def test_only_waits_are_made_shorter() -> None:
    before, after = Policy(), scaled(Policy(), 0.1)
    changed = {
        name for name in Policy.__struct_fields__ if getattr(before, name) != getattr(after, name)
    }
    assert changed == set(SCALED)
    assert after.cooldown_seconds == 18
    assert (after.evidence_seconds, after.quiet_seconds, after.approval_seconds) == (60, 60, 900)


def test_a_scale_of_one_is_the_policy_itself() -> None:
    policy = Policy()
    assert scaled(policy, 1.0) is policy
    assert msgspec.structs.asdict(scaled(policy, 1.0)) == msgspec.structs.asdict(policy)
