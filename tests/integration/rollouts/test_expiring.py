"""Nobody's approval within a day: the rollout owns nothing any more, and can be started again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meshconsole.core.errors import Conflict
from meshconsole.rollouts.expiring import APPROVAL_LASTS
from meshconsole.rollouts.models import Decision, Rollout
from meshconsole.rollouts.services import (
    rollout_approve,
    rollout_create,
    rollout_plan,
    rollout_start,
    rollouts_advance,
)
from meshconsole.rollouts.states import RolloutState
from tests.harness.rollouts import Mesh

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(mesh: Mesh) -> Rollout:
    spec = {"split": {"Group_1": 40, "Group_2": 60}, "ask_approval": True}
    made = rollout_create(
        kind="route_table", application="order", spec=spec, actor="ann", now=mesh.now
    )
    rollout_plan(pk=made.pk, actor="ann", now=mesh.now)
    return rollout_start(pk=made.pk, actor="ann", now=mesh.now)


def test_a_question_lapses_after_a_day_and_may_be_asked_again(mesh: Mesh, row: Rollout) -> None:
    later = mesh.now + APPROVAL_LASTS
    assert rollouts_advance(later - timedelta(seconds=1)) == 0
    assert rollouts_advance(later) == 1
    row.refresh_from_db()
    assert (row.state, row.due_at) == (RolloutState.PREVIEWED, None)
    assert row.note.startswith("Nobody approved it within 24 hours")
    assert Decision.objects.filter(rollout=row, verb="approval_expired").count() == 1
    with pytest.raises(Conflict):
        rollout_approve(pk=row.pk, actor="bob", now=later)
    assert rollout_start(pk=row.pk, actor="ann", now=later).state == RolloutState.AWAITING_APPROVAL


def test_what_was_approved_in_time_does_not_lapse(mesh: Mesh, row: Rollout) -> None:
    rollout_approve(pk=row.pk, actor="bob", now=mesh.now)
    rollouts_advance(mesh.now + APPROVAL_LASTS)
    row.refresh_from_db()
    assert row.state == RolloutState.PROGRESSING
