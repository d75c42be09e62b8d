"""Moving a rollout, with everything that belongs to a move: audit, event, decision, turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from meshconsole.audit.services import audit_record
from meshconsole.live.publish import publish_on_commit
from meshconsole.rollouts.models import Decision, Rollout, Target, Wave
from meshconsole.rollouts.states import TRANSITIONS, RolloutEvent, WaveState
from meshconsole.transitions import fire

NOTE_LIMIT = 500
INSTANCES_NAMED = 200
"""Of a wave in its audit row; the rollout has them all."""
ENGINE = "rollouts"
"""Who writes intent when a wave does."""


class Lost(Exception):
    """Somebody else has moved the rollout since it was read; nothing is written."""


@contextmanager
def held(rollout: Rollout) -> Iterator[Rollout]:
    """The row locked, if it is still at the turn that was read; raises Lost."""
    with transaction.atomic():
        rows = Rollout.objects.select_for_update()
        row = rows.filter(pk=rollout.pk, turn=rollout.turn).first()
        if row is None:
            raise Lost
        yield row


def move(
    rollout: Rollout,
    event: RolloutEvent,
    *,
    actor: str,
    why: str,
    now: datetime,
    wave: Wave | None = None,
    **changes: Any,
) -> None:
    """Fire an event on a held rollout and write down who decided it and why; raises Lost."""
    changes.setdefault("note", why[:NOTE_LIMIT])
    moved = fire(
        rollout,
        TRANSITIONS,
        event,
        actor=actor,
        reason=why[:NOTE_LIMIT],
        turn=F("turn") + 1,
        **changes,
    )
    if not moved:
        raise Lost
    write_down(rollout, actor=actor, verb=event, why=why, now=now, wave=wave)


def write_down(
    rollout: Rollout, *, actor: str, verb: str, why: str, now: datetime, wave: Wave | None = None
) -> None:
    """One line of the log of decisions."""
    Decision.objects.create(
        rollout=rollout,
        at=now,
        wave=None if wave is None else wave.number,
        actor=actor[:150],
        verb=verb,
        why=why[:NOTE_LIMIT],
        state=rollout.state,
    )


def look_again(rollout: Rollout, due_at: datetime, note: str = "") -> None:
    """Set when the engine looks next, and tell browsers when there is something new to see."""
    if note and note != rollout.note:
        rollout.note = note[:NOTE_LIMIT]
        tell(rollout)
    rollout.due_at = due_at
    rollout.turn += 1
    rollout.save(update_fields=["due_at", "note", "turn"])


def tell(rollout: Rollout) -> None:
    """Tell browsers that a wave has come further."""
    publish_on_commit(
        topic="rollouts",
        kind="progressed",
        ref=str(rollout),
        data={"state": rollout.state, "application": rollout.application},
    )


def pause(
    rollout: Rollout,
    wave: Wave | None,
    *,
    actor: str,
    why: str,
    now: datetime,
    braked_by: str = "",
    due_at: datetime | None = None,
) -> None:
    """Write nothing more until a person decides, or until what brakes it is over; a wave that
    soaked has to be taken anew."""
    rollout.waves.filter(state=WaveState.SOAKING).update(state=WaveState.APPLYING)
    move(
        rollout, RolloutEvent.PAUSED, actor=actor, why=why, now=now, wave=wave,
        due_at=due_at, braked_by=braked_by,
    )  # fmt: skip


def resume(rollout: Rollout, *, actor: str, why: str, now: datetime, **changes: Any) -> None:
    """Go on where it was: a wave that was soaking is seen in force and soaks anew."""
    wave = current_wave(rollout)
    if wave is not None and wave.state != WaveState.PLANNED:
        wave.written_at = now
        wave.save(update_fields=["written_at"])
    move(
        rollout, RolloutEvent.RESUMED, actor=actor, why=why, now=now, wave=wave,
        due_at=now, braked_by="", **changes,
    )  # fmt: skip


def stay_paused(rollout: Rollout, *, actor: str, why: str, now: datetime) -> None:
    """A braked rollout waits for a person from now on, and for nothing else."""
    rollout.braked_by, rollout.due_at, rollout.note = "", None, why[:NOTE_LIMIT]
    rollout.turn += 1
    rollout.save(update_fields=["braked_by", "due_at", "note", "turn"])
    write_down(rollout, actor=actor, verb=RolloutEvent.PAUSED, why=why, now=now)
    tell(rollout)


def touched(rollout: Rollout, wave: Wave, targets: Sequence[Target], verb: str) -> None:
    """Write down where a wave is put in force, or undone: whoever looks for a cause finds it."""
    audit_record(
        actor=ENGINE,
        verb=verb,
        object=f"rollout:{rollout}",
        after={
            "kind": rollout.kind,
            "wave": wave.number,
            "stage": wave.stage,
            "applications": sorted({target.application for target in targets}),
            "units": sorted({target.unit for target in targets}),
            "instances": sorted(target.instance for target in targets)[:INSTANCES_NAMED],
            "instance_count": len(targets),
        },
        reason=rollout.reason,
    )


def turn_back(
    rollout: Rollout, event: RolloutEvent, *, actor: str, why: str, now: datetime
) -> None:
    """Begin to undo what was written; the engine does it from its next look on."""
    move(
        rollout, event, actor=actor, why=why, now=now, wave=current_wave(rollout),
        reverting_at=now, due_at=now,
    )  # fmt: skip


def stick(rollout: Rollout, *, actor: str, why: str, now: datetime) -> None:
    """What cannot be undone waits for a person."""
    move(rollout, RolloutEvent.REVERT_FAILED, actor=actor, why=why, now=now, due_at=None)


def current_wave(rollout: Rollout) -> Wave | None:
    """The wave that is worked on, or the next one to begin."""
    return rollout.waves.exclude(state=WaveState.PASSED).order_by("number").first()
