"""Putting a wave in force: begin the next one, and wait until its sidecars have taken it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from meshconsole.rollouts.cohort import (
    baseline_of,
    gone_of,
    look_at,
    missing_of,
    note_seen,
    note_written,
    waits_of,
    work_on,
)
from meshconsole.rollouts.evidence import (
    Baseline,
    baseline_read,
    counted_from,
    hard_facts_read,
    told_read,
)
from meshconsole.rollouts.freezes import freeze_for
from meshconsole.rollouts.gates import judge
from meshconsole.rollouts.keeping import ledger_keep
from meshconsole.rollouts.kinds.protocol import Halted, Kind, Seen, Waits, Work
from meshconsole.rollouts.models import Rollout, Target, Wave
from meshconsole.rollouts.record import (
    ENGINE,
    current_wave,
    held,
    look_again,
    move,
    pause,
    tell,
    touched,
    turn_back,
    write_down,
)
from meshconsole.rollouts.states import RolloutEvent, WaveState
from meshconsole.rollouts.verdicts import ROUND_SECONDS, hard_trip

HOLD_LOOK = timedelta(seconds=5)
"""How often is looked at what a wave waits for: it may be over, or something may brake it."""
REDIS_LOOK = timedelta(seconds=5)


def begin(rollout: Rollout, kind: Kind, now: datetime) -> None:
    """An approved rollout progresses."""
    with held(rollout) as row:
        why = "Its first wave begins."
        move(row, RolloutEvent.BEGUN, actor=ENGINE, why=why, now=now, due_at=now)


def progress(rollout: Rollout, kind: Kind, now: datetime) -> None:
    """One step nearer to a wave that is in force everywhere it should be."""
    wave = current_wave(rollout)
    if wave is None:
        _finish(rollout, kind, now)
    elif wave.state == WaveState.PLANNED:
        _next(rollout, kind, wave, now)
    else:
        _await(rollout, kind, work_on(rollout, wave, now))


def _finish(rollout: Rollout, kind: Kind, now: datetime) -> None:
    told = told_read()
    with held(rollout) as row:
        ledger_keep(row, told, now)
        kind.done(row, now)
        move(
            row,
            RolloutEvent.FINISHED,
            actor=ENGINE,
            why="Every wave has passed.",
            now=now,
            due_at=None,
            ended_at=now,
        )


def _next(rollout: Rollout, kind: Kind, wave: Wave, now: datetime) -> None:
    """Begin a wave, unless it has to wait or may not."""
    try:
        _check_time(rollout, wave, now)
        faults = kind.precheck(rollout, wave, now)
    except Waits as waits:
        with held(rollout) as row:
            Wave.objects.filter(pk=wave.pk).update(hold_until=waits.until)
            look_again(row, min(waits.until, now + HOLD_LOOK), str(waits))
        return
    if faults:
        with held(rollout) as row:
            pause(row, wave, actor=ENGINE, why=f"Not begun: {faults[0]}", now=now)
        return
    work = work_on(rollout, wave, now)
    gone = {target.instance for target in gone_of(work.targets)}
    work = replace(work, targets=[t for t in work.targets if t.instance not in gone])
    baseline = baseline_read(work, kind.control(work))
    with held(rollout) as row:
        if not baseline.is_whole:
            # What was before is never known later: the wave could only be promoted or undone.
            look_again(row, now + REDIS_LOOK, f"Wave {wave.number} waits for Redis to answer.")
            return
        _begun(replace(work, rollout=row), kind, baseline, sorted(gone))


def _begun(work: Work, kind: Kind, baseline: Baseline, gone: list[str]) -> None:
    row, wave, now = work.rollout, work.wave, work.now
    if gone:
        Target.objects.filter(wave=wave, instance__in=gone).delete()
        why = f"Left out, as they are gone: {', '.join(gone)[:400]}."
        write_down(row, actor=ENGINE, verb="left_out", why=why, now=now, wave=wave)
    if not work.targets:
        wave.state, wave.begun_at, wave.passed_at = WaveState.PASSED, now, now
        wave.save(update_fields=["state", "begun_at", "passed_at"])
        why = "Nobody is left in it, so there is nothing to judge."
        write_down(row, actor=ENGINE, verb="wave_empty", why=why, now=now, wave=wave)
        look_again(row, now)
        return
    before = kind.before(work)
    for target in work.targets:
        target.before = before.instances.get(target.instance, "")
    Target.objects.bulk_update(work.targets, ["before"])
    wave.before, wave.baseline = before.wave, msgspec.to_builtins(baseline)
    wave.state, wave.begun_at, wave.written_at = WaveState.APPLYING, now, now
    wave.hold_until = None
    wave.save(update_fields=["before", "baseline", "state", "begun_at", "written_at", "hold_until"])
    note_written(work, kind.apply(work))
    why = f"{wave.share} ({wave.stage}): {len(work.targets)} instances."
    write_down(row, actor=ENGINE, verb="wave_begun", why=why, now=now, wave=wave)
    touched(row, wave, work.targets, "wave_begun")
    tell(row)
    look_again(row, look_at(now), f"Wave {wave.number} is put in force.")


def _await(rollout: Rollout, kind: Kind, work: Work) -> None:
    """Write the next safe step where one is due, and see who has the goal in force."""
    facts = hard_facts_read(work, baseline_of(work))
    tripped = hard_trip(judge(facts, kind.gates(work.wave).metrics))
    seen = kind.observe(work)
    with held(rollout) as row:
        if tripped is not None:
            why = f"{tripped.metric}: {tripped.sentence}"
            turn_back(row, RolloutEvent.GATE_FAILED, actor=ENGINE, why=why, now=work.now)
            return
        _taken_or_not(replace(work, rollout=row), kind, seen)


def _taken_or_not(work: Work, kind: Kind, seen: Seen) -> None:
    row, wave, now = work.rollout, work.wave, work.now
    try:
        written = kind.apply(work)
    except Halted as halt:
        pause(row, wave, actor=ENGINE, why=str(halt), now=now)
        return
    note_written(work, written)
    if note_seen(work, seen):
        tell(row)
    names = set(work.names)
    if names <= written.arrived and names <= seen.in_force:
        _soak(row, wave, now)
        return
    since = max(filter(None, (wave.written_at, written.waits_until)), default=now)
    waiting = missing_of(seen, work.names)
    if now - since > timedelta(seconds=kind.patience_seconds):
        why = f"Not taken within {kind.patience_seconds:.0f} s: {waiting}."
        pause(row, wave, actor=ENGINE, why=why, now=now)
    else:
        look_again(row, look_at(now), f"Wave {wave.number} waits for {waiting}.")


def _soak(row: Rollout, wave: Wave, now: datetime) -> None:
    scale = waits_of(row).soak_scale
    wave.state, wave.soaking_at, wave.extended = WaveState.SOAKING, now, 0
    wave.soak_until = counted_from(now) + timedelta(seconds=wave.soak_seconds)
    wave.judge_at = now + round_of(scale)
    wave.save(update_fields=["state", "soaking_at", "extended", "soak_until", "judge_at"])
    why = "Every sidecar has it in force."
    move(row, RolloutEvent.WAVE_TAKEN, actor=ENGINE, why=why, now=now, wave=wave, due_at=now)


def round_of(scale: float) -> timedelta:
    """The distance of two rounds of gates."""
    return timedelta(seconds=max(1.0, ROUND_SECONDS * scale))


def _check_time(rollout: Rollout, wave: Wave, now: datetime) -> None:
    """Raise Waits in a freeze, and while what the last wave has changed is to be quiet."""
    window = freeze_for(rollout.application, now, bypassed_at=rollout.bypassed_at)
    if window is not None:
        raise Waits(f"Frozen: {window.reason}", window.ends_at)
    last = rollout.waves.filter(number__lt=wave.number).order_by("-number").first()
    if last is None or last.passed_at is None:
        return
    until = last.passed_at + timedelta(seconds=wave.hold_seconds)
    if until > now:
        raise Waits(f"Wave {wave.number} begins when things have been quiet long enough.", until)
