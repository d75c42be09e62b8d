"""Rounds of gates are forgotten a month after their rollout, but for how each gate ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from meshconsole.rollouts.models import Evaluation, Rollout
from meshconsole.rollouts.pruning import ROUNDS_KEPT, evaluations_prune
from meshconsole.rollouts.states import RolloutState
from tests.harness.rollouts import BEGIN

pytestmark = pytest.mark.django_db


def a_rollout(state: str, rounds: int = 3) -> Rollout:
    row = Rollout.objects.create(
        kind="route_table", application=state, spec={}, state=state, created_by="ann",
        created_at=BEGIN, ended_at=BEGIN if state == RolloutState.COMPLETED else None,
    )  # fmt: skip
    wave = row.waves.create(number=1, stage="shares", share="1%", soak_seconds=10, rounds=rounds)
    for number in range(1, rounds + 1):
        wave.evaluations.create(
            round=number, at=BEGIN, metric="acks", measure="count", verdict="pass", is_hard=False
        )
    return row


def test_only_the_last_round_of_what_ended_a_month_ago_is_kept() -> None:
    old, running = a_rollout(RolloutState.COMPLETED), a_rollout(RolloutState.PAUSED)
    assert evaluations_prune(now=BEGIN + ROUNDS_KEPT) == 0
    later = BEGIN + ROUNDS_KEPT + timedelta(seconds=1)
    assert evaluations_prune(now=later, limit=1) == 1
    assert evaluations_prune(now=later) == 1
    assert list(Evaluation.objects.filter(wave__rollout=old).values_list("round", flat=True)) == [3]
    assert Evaluation.objects.filter(wave__rollout=running).count() == 3
