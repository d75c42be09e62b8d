"""Keeping a rollout still while something brakes it, and letting it go on when that is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from meshconsole.rollouts.brakes import brake_on
from meshconsole.rollouts.kinds.protocol import Kind
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.record import ENGINE, current_wave, held, look_again, pause, resume
from meshconsole.rollouts.states import BRAKED, RolloutState

LOOK = timedelta(seconds=2)
"""How soon it is seen that a brake was let go; one that is pulled is seen at the next look."""


def braked(rollout: Rollout, now: datetime) -> bool:
    """Pause it when something brakes it; what has not begun waits as it is. True if so."""
    brake = brake_on(rollout) if rollout.state in BRAKED else None
    if brake is None:
        return False
    with held(rollout) as row:
        if row.state == RolloutState.APPROVED:
            look_again(row, now + LOOK, brake.why)
        else:
            pause(
                row, current_wave(row), actor=ENGINE, why=brake.why, now=now,
                braked_by=brake.by, due_at=now + LOOK,
            )  # fmt: skip
    return True


def go_on(rollout: Rollout, kind: Kind, now: datetime) -> None:
    """Resume what was braked once nothing brakes it; its wave soaks anew, and is judged anew."""
    brake = brake_on(rollout)
    with held(rollout) as row:
        if brake is None:
            why = "What kept it still is over; its wave is seen in force and soaks anew."
            resume(row, actor=ENGINE, why=why, now=now)
            return
        row.braked_by = brake.by
        row.save(update_fields=["braked_by"])
        look_again(row, now + LOOK, brake.why)
