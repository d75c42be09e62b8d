"""Undoing what a rollout wrote, latest wave first, until every sidecar is as it was before.

Written is not undone: only what sidecars say counts. What they do not say in time, or what somebody
else has changed meanwhile, makes the rollout stuck; a person looks, and may ask once more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from meshconsole.core.errors import MeshError
from meshconsole.rollouts.cohort import (
    look_at,
    missing_of,
    note_undone,
    note_written,
    written_works,
)
from meshconsole.rollouts.keeping import ledger_keep
from meshconsole.rollouts.kinds.protocol import Halted, Kind, Seen, Work, Written
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.record import ENGINE, held, look_again, move, stick, tell, touched
from meshconsole.rollouts.states import RolloutEvent, WaveState


def revert(rollout: Rollout, kind: Kind, now: datetime) -> None:
    """One step nearer to how it was."""
    works = written_works(rollout, now)
    seen = kind.undone(works) if works else Seen()
    with held(rollout) as row:
        if not works:
            _undone(row, now, "Nothing had been written.")
            return
        works = [replace(work, rollout=row) for work in works]
        fresh = [w for w in works if w.wave.state not in (WaveState.REVERTING, WaveState.REVERTED)]
        row.waves.filter(pk__in=[work.wave.pk for work in works]).exclude(
            state=WaveState.REVERTED
        ).update(state=WaveState.REVERTING)
        _step(row, kind, works, seen)
        for work in fresh:
            touched(row, work.wave, work.targets, "wave_reverting")


def _step(row: Rollout, kind: Kind, works: list[Work], seen: Seen) -> None:
    now = works[0].now
    try:
        written = kind.revert(works)
    except (Halted, MeshError) as error:
        stick(row, actor=ENGINE, why=str(error), now=now)
        return
    for work in works:
        note_written(work, _of_wave(work, written))
    if note_undone(works, seen):
        tell(row)
    names = {name for work in works for name in work.names}
    if names <= written.arrived and names <= seen.in_force:
        row.waves.filter(state=WaveState.REVERTING).update(state=WaveState.REVERTED)
        ledger_keep(row, works[0].told, now)
        _undone(row, now, "Everything it wrote is undone, and every sidecar has said so.")
        return
    waiting = missing_of(seen, sorted(names))
    times = [row.reverting_at, written.waits_until, *(work.wave.written_at for work in works)]
    since = max(time for time in times if time is not None)
    if now - since > timedelta(seconds=kind.patience_seconds):
        why = f"Not undone within {kind.patience_seconds:.0f} s: {waiting}."
        stick(row, actor=ENGINE, why=why, now=now)
    else:
        look_again(row, look_at(now), f"Rolling back; waits for {waiting}.")


def _of_wave(work: Work, written: Written) -> Written:
    """The part of what was written that is this wave's."""
    names = frozenset(work.names)
    return Written(
        stepped=written.stepped & names,
        notes={name: note for name, note in written.notes.items() if name in names},
        revision=written.revision if written.stepped & names else 0,
    )


def _undone(row: Rollout, now: datetime, why: str) -> None:
    move(row, RolloutEvent.REVERTED, actor=ENGINE, why=why, now=now, due_at=None, ended_at=now)
