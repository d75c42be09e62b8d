"""The engine: one step of one rollout, safe to repeat, to race and to kill.

A step claims its rollout by raising the turn, reads evidence without a lock, and writes intent,
rows and the next `due_at` in one transaction that holds the row at the claimed turn. Whoever is
killed in between has written nothing, and the claim ends by itself; whoever was overtaken by a
verb finds another turn and leaves. Intent lives in the same database, so a wave is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db.models import F

from meshconsole.core.errors import Degraded, MeshError
from meshconsole.rollouts.braking import braked, go_on
from meshconsole.rollouts.expiring import expire
from meshconsole.rollouts.kinds.protocol import Halted, Kind
from meshconsole.rollouts.kinds.registry import kind_of
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.progressing import begin, progress
from meshconsole.rollouts.record import ENGINE, Lost, current_wave, held, look_again, pause, stick
from meshconsole.rollouts.reverting import revert
from meshconsole.rollouts.soaking import soak
from meshconsole.rollouts.states import DUE, RolloutState

CLAIM = timedelta(seconds=15)
"""After a killed worker, another one takes over so much later."""
AGAIN = timedelta(seconds=10)
GIVEN_UP = timedelta(minutes=15)
"""A rollback that cannot even be tried for so long is a person's matter."""
TRIES = 20
_BROKEN = "The step due now broke for a reason that the console's log tells"

_STEPS: dict[str, Callable[[Rollout, Kind, datetime], None]] = {
    RolloutState.APPROVED: begin,
    RolloutState.PROGRESSING: progress,
    RolloutState.SOAKING: soak,
    RolloutState.ROLLING_BACK: revert,
    RolloutState.PAUSED: go_on,
    RolloutState.AWAITING_APPROVAL: expire,
}


def step(pk: int, now: datetime) -> bool:
    """Move one rollout on by one step if it is due; False when somebody else does."""
    rollout = claimed(pk, now)
    if rollout is None:
        return False
    try:
        if not braked(rollout, now):
            _STEPS[rollout.state](rollout, kind_of(rollout.kind), now)
    except Lost:
        return False
    except Degraded as error:
        return _halted(rollout, str(error), now, may_pass=True)
    except (Halted, MeshError) as error:
        return _halted(rollout, str(error), now)
    except Exception:
        with suppress(Lost):
            _broken(rollout, now)
        raise
    if rollout.faults:
        Rollout.objects.filter(pk=pk).update(faults=0)
    return True


def claimed(pk: int, now: datetime) -> Rollout | None:
    """The rollout, if it is due and this caller is the one to move it."""
    rollout = Rollout.objects.filter(pk=pk, state__in=DUE, due_at__lte=now).first()
    if rollout is None:
        return None
    mine = Rollout.objects.filter(pk=pk, turn=rollout.turn, state=rollout.state)
    if not mine.update(turn=F("turn") + 1, due_at=now + CLAIM):
        return None
    rollout.turn += 1
    return rollout


def _halted(rollout: Rollout, why: str, now: datetime, *, may_pass: bool = False) -> bool:
    """What cannot go on waits for a person; a rollback is tried again for as long as what is in its
    way may pass by itself."""
    try:
        with held(rollout) as row:
            since = row.reverting_at
            is_over = since is not None and now - since > GIVEN_UP
            if not _given_up(row, why, now, is_stuck=is_over or not may_pass):
                look_again(row, now + AGAIN, why)
    except Lost:
        return False
    return True


def _broken(rollout: Rollout, now: datetime) -> None:
    """Say of a step that it broke, and leave it to a person when each one does."""
    with held(rollout) as row:
        row.faults += 1
        if row.faults >= TRIES and _given_up(row, f"{_BROKEN} {TRIES} times in a row.", now):
            row.faults = 0
        else:
            look_again(row, now + CLAIM, f"{_BROKEN}; it is tried again.")
        row.save(update_fields=["faults"])


def _given_up(row: Rollout, why: str, now: datetime, *, is_stuck: bool = True) -> bool:
    """Wait for a person; False where there is nothing to wait in."""
    if row.state in (RolloutState.PROGRESSING, RolloutState.SOAKING):
        pause(row, current_wave(row), actor=ENGINE, why=why, now=now)
    elif row.state == RolloutState.ROLLING_BACK and is_stuck:
        stick(row, actor=ENGINE, why=why, now=now)
    else:
        return False
    return True
