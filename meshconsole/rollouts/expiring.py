"""A question to a second person lapses: what was looked at a day ago is no plan any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from meshconsole.rollouts.kinds.protocol import Kind
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.record import ENGINE, held, move
from meshconsole.rollouts.states import RolloutEvent

APPROVAL_LASTS = timedelta(hours=24)


def expire(rollout: Rollout, kind: Kind, now: datetime) -> None:
    """Nobody has approved it: it owns nothing any more, and may be planned and started again."""
    hours = APPROVAL_LASTS.total_seconds() / 3600
    why = f"Nobody approved it within {hours:.0f} hours: look at its plan again, then start it."
    with held(rollout) as row:
        move(row, RolloutEvent.APPROVAL_EXPIRED, actor=ENGINE, why=why, now=now, due_at=None)
