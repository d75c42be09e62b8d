"""What was changed near an instance lately."""

from __future__ import annotations

import pytest

from healer.policy.changes import change_gate, change_nearby
from healer.policy.decision import Change
from healer.policy.parameters import Policy
from tests.harness.policy import case_of, mesh_of

POLICY = Policy()


@pytest.mark.parametrize(
    ("change", "near"),
    [
        (Change(kind="route", ref="1", app="shop"), True),
        (Change(kind="route", ref="1", unit="u0"), True),
        (Change(kind="route", ref="1"), True),
        (Change(kind="route", ref="1", app="other"), False),
        (Change(kind="route", ref="1", app="shop", unit="u1"), False),
        (Change(kind="route", ref="1", app="shop", age_seconds=601), False),
    ],
)
def test_it_touched_the_service_or_the_unit_within_ten_minutes(change: Change, near: bool) -> None:
    mesh = mesh_of(changes=(change,))
    assert (change_nearby(case_of(), mesh, POLICY) is not None) == near
    gate = change_gate(case_of(), mesh, POLICY)
    assert (gate.ok, gate.hard) == (not near, False)


def test_the_newest_is_the_one_to_undo() -> None:
    old = Change(kind="route", ref="1", app="shop", age_seconds=300)
    new = Change(kind="rollout", ref="2", app="shop", age_seconds=60)
    assert change_nearby(case_of(), mesh_of(changes=(old, new)), POLICY) == new
