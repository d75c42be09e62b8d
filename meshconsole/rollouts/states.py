"""The life of a rollout, as one table.

A rollout is *draft* until somebody has looked at its plan, *previewed* from then on. Started, it is
*awaiting approval* where policy asks a second person, for a day at most, and *approved* when it may
begin. It then alternates: *progressing* while a wave is written and taken by its sidecars,
*soaking* while the gates judge that wave. *Paused*, nothing new is written and nothing is undone: a
person decides. *Rolling back*, everything it wrote is undone, latest wave first; what cannot be
undone makes it *stuck*, which waits for a person and is never told as done.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import TextChoices


class RolloutState(TextChoices):
    """What is true of a rollout now."""

    DRAFT = "draft"
    PREVIEWED = "previewed"
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    PROGRESSING = "progressing"
    SOAKING = "soaking"
    PAUSED = "paused"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    STUCK = "stuck"


class RolloutEvent(TextChoices):
    """What happened to it."""

    PLANNED = "planned"
    APPROVAL_ASKED = "approval_asked"
    CLEARED = "cleared"
    APPROVED = "approved"
    APPROVAL_EXPIRED = "approval_expired"
    BEGUN = "begun"
    WAVE_TAKEN = "wave_taken"
    WAVE_PASSED = "wave_passed"
    PROMOTED = "promoted"
    PAUSED = "paused"
    RESUMED = "resumed"
    FINISHED = "finished"
    GATE_FAILED = "gate_failed"
    ROLLBACK_ASKED = "rollback_asked"
    ABORTED = "aborted"
    REVERTED = "reverted"
    REVERT_FAILED = "revert_failed"


_S, _E = RolloutState, RolloutEvent

TRANSITIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (_S.DRAFT, _E.PLANNED): _S.PREVIEWED,
        (_S.PREVIEWED, _E.APPROVAL_ASKED): _S.AWAITING_APPROVAL,
        (_S.PREVIEWED, _E.CLEARED): _S.APPROVED,
        (_S.AWAITING_APPROVAL, _E.APPROVED): _S.APPROVED,
        (_S.AWAITING_APPROVAL, _E.APPROVAL_EXPIRED): _S.PREVIEWED,
        (_S.APPROVED, _E.BEGUN): _S.PROGRESSING,
        (_S.PROGRESSING, _E.WAVE_TAKEN): _S.SOAKING,
        (_S.SOAKING, _E.WAVE_PASSED): _S.PROGRESSING,
        (_S.SOAKING, _E.PROMOTED): _S.PROGRESSING,
        (_S.PAUSED, _E.PROMOTED): _S.PROGRESSING,
        (_S.PAUSED, _E.RESUMED): _S.PROGRESSING,
        (_S.PROGRESSING, _E.PAUSED): _S.PAUSED,
        (_S.SOAKING, _E.PAUSED): _S.PAUSED,
        (_S.PROGRESSING, _E.GATE_FAILED): _S.ROLLING_BACK,
        (_S.SOAKING, _E.GATE_FAILED): _S.ROLLING_BACK,
        (_S.PROGRESSING, _E.ROLLBACK_ASKED): _S.ROLLING_BACK,
        (_S.SOAKING, _E.ROLLBACK_ASKED): _S.ROLLING_BACK,
        (_S.PAUSED, _E.ROLLBACK_ASKED): _S.ROLLING_BACK,
        (_S.STUCK, _E.ROLLBACK_ASKED): _S.ROLLING_BACK,
        (_S.PROGRESSING, _E.FINISHED): _S.COMPLETED,
        (_S.ROLLING_BACK, _E.REVERTED): _S.ROLLED_BACK,
        (_S.ROLLING_BACK, _E.REVERT_FAILED): _S.STUCK,
        (_S.DRAFT, _E.ABORTED): _S.ROLLED_BACK,
        (_S.PREVIEWED, _E.ABORTED): _S.ROLLED_BACK,
        (_S.AWAITING_APPROVAL, _E.ABORTED): _S.ROLLED_BACK,
        (_S.APPROVED, _E.ABORTED): _S.ROLLED_BACK,
    }
)
BRAKED = frozenset({_S.APPROVED, _S.PROGRESSING, _S.SOAKING})
"""What a kill switch, a storm or a service's incident keeps still; undoing goes on."""
MOVING = frozenset({_S.APPROVED, _S.PROGRESSING, _S.SOAKING, _S.ROLLING_BACK})
"""The engine moves these by itself; all others wait for a person."""
DUE = MOVING | {_S.PAUSED, _S.AWAITING_APPROVAL}
"""The engine looks at these when they are due: a pause while something brakes it, a question to a
second person when nobody has answered."""
OWNING = frozenset({*MOVING, _S.AWAITING_APPROVAL, _S.PAUSED, _S.STUCK})
"""These own their (application, kind): nobody else may begin to change the same thing."""
TERMINAL = frozenset({_S.COMPLETED, _S.ROLLED_BACK})


class WaveState(TextChoices):
    """How far a wave is; it moves with its rollout and has no life of its own."""

    PLANNED = "planned"
    APPLYING = "applying"
    SOAKING = "soaking"
    PASSED = "passed"
    REVERTING = "reverting"
    REVERTED = "reverted"
