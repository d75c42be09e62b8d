"""Judging a wave while it soaks: hard gates at every look, all of them in rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from meshconsole.rollouts.cohort import baseline_of, note_seen, waits_of, work_on
from meshconsole.rollouts.evidence import Baseline, facts_read, hard_facts_read
from meshconsole.rollouts.facts import Finding
from meshconsole.rollouts.gates import judge
from meshconsole.rollouts.kinds.protocol import Kind, Seen, Work
from meshconsole.rollouts.models import Evaluation, Rollout, Wave
from meshconsole.rollouts.progressing import round_of
from meshconsole.rollouts.record import (
    ENGINE,
    current_wave,
    held,
    look_again,
    move,
    pause,
    tell,
    turn_back,
    write_down,
)
from meshconsole.rollouts.states import RolloutEvent, WaveState
from meshconsole.rollouts.verdicts import Verdict, hard_trip, verdict_of

HARD_LOOK = timedelta(seconds=5)
"""The longest time between two looks at what ends a rollout at once."""


def soak(rollout: Rollout, kind: Kind, now: datetime) -> None:
    """Look at the gates that are due."""
    wave = current_wave(rollout)
    assert wave is not None and wave.soak_until and wave.judge_at  # noqa: S101, PT018
    work = work_on(rollout, wave, now)
    baseline = baseline_of(work)
    if now < wave.judge_at:
        _glance(rollout, kind, work, baseline)
    else:
        _judge(rollout, kind, work, baseline)


def _glance(rollout: Rollout, kind: Kind, work: Work, baseline: Baseline) -> None:
    """Between rounds: only what may not wait."""
    facts = hard_facts_read(work, baseline)
    findings = judge(facts, kind.gates(work.wave).metrics)
    tripped = hard_trip(findings)
    with held(rollout) as row:
        if tripped is None:
            look_again(row, _next_look(work.wave, work.now))
            return
        _store(work.wave, [one for one in findings if one.is_hard], work.now)
        why = f"{tripped.metric}: {tripped.sentence}"
        turn_back(row, RolloutEvent.GATE_FAILED, actor=ENGINE, why=why, now=work.now)


def _judge(rollout: Rollout, kind: Kind, work: Work, baseline: Baseline) -> None:
    """A round: every gate, its verdict kept, and what it means for the wave."""
    wave, now = work.wave, work.now
    seen = kind.observe(work)
    least = waits_of(rollout).min_requests
    facts = facts_read(work, baseline, kind.control(work), seen, least)
    gates = kind.gates(wave)
    findings = judge(facts, gates.metrics, needed=gates.needed)
    failed = wave.evaluations.filter(round=wave.rounds, verdict="fail")
    verdict = verdict_of(
        findings,
        failed_before=set(failed.values_list("metric", flat=True)),
        is_over=_is_over(wave, waits_of(rollout).soak_scale, now),
        extended=wave.extended,
    )
    with held(rollout) as row:
        _store(wave, findings, now)
        _act(replace(work, rollout=row), seen, verdict)


def _is_over(wave: Wave, scale: float, now: datetime) -> bool:
    """Has it soaked for as long as it should, and was it judged meanwhile? A clock that leaps,
    or an engine that slept, makes no soak shorter."""
    if wave.soak_until is None or now < wave.soak_until:
        return False
    rounds = wave.evaluations.filter(at__gte=wave.soaking_at).values("round").distinct()
    planned = wave.soak_seconds / round_of(scale).total_seconds()
    return rounds.count() + 1 >= planned / 2


def _act(work: Work, seen: Seen, verdict: Verdict) -> None:
    row, wave, now = work.rollout, work.wave, work.now
    note_seen(work, seen)
    if verdict.act == "roll_back":
        turn_back(row, RolloutEvent.GATE_FAILED, actor=ENGINE, why=verdict.why, now=now)
    elif verdict.act == "pass":
        wave_passed(row, wave, RolloutEvent.WAVE_PASSED, actor=ENGINE, why=verdict.why, now=now)
    elif verdict.act == "pause":
        pause(row, wave, actor=ENGINE, why=verdict.why, now=now)
    else:
        _go_on(row, wave, verdict, now)


def wave_passed(
    row: Rollout, wave: Wave, event: RolloutEvent, *, actor: str, why: str, now: datetime
) -> None:
    """The wave is done with, by its gates or by a person's word."""
    wave.state, wave.passed_at = WaveState.PASSED, now
    wave.promoted_by = actor[:150] if event == RolloutEvent.PROMOTED else ""
    wave.save(update_fields=["state", "passed_at", "promoted_by"])
    move(row, event, actor=actor, why=why, now=now, wave=wave, due_at=now)


def _go_on(row: Rollout, wave: Wave, verdict: Verdict, now: datetime) -> None:
    if verdict.act == "extend":
        wave.extended += 1
        wave.soak_until = now + timedelta(seconds=wave.soak_seconds)
        write_down(row, actor=ENGINE, verb="soak_extended", why=verdict.why, now=now, wave=wave)
    wave.judge_at = now + round_of(waits_of(row).soak_scale)
    wave.save(update_fields=["extended", "soak_until", "judge_at"])
    tell(row)
    look_again(row, _next_look(wave, now), verdict.why)


def _next_look(wave: Wave, now: datetime) -> datetime:
    return min(wave.judge_at or now, now + HARD_LOOK)


def _store(wave: Wave, findings: Sequence[Finding], now: datetime) -> None:
    wave.rounds += 1
    wave.save(update_fields=["rounds"])
    Evaluation.objects.bulk_create(
        Evaluation(
            wave=wave,
            round=wave.rounds,
            at=now,
            metric=one.metric,
            value=one.value,
            control=one.control,
            bound=one.bound,
            measure=one.measure,
            verdict=one.verdict,
            is_hard=one.is_hard,
            sentence=one.sentence[:400],
        )
        for one in findings
    )
