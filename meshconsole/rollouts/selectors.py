"""Reading rollouts: the list, and one with everything that its page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from django.db.models import Count, Q, QuerySet

from meshconsole.core.errors import NotFound
from meshconsole.rollouts.cohort import waits_of
from meshconsole.rollouts.evidence import Baseline, told_read
from meshconsole.rollouts.ledgers import Came, came_since, counts_of
from meshconsole.rollouts.models import Decision, Evaluation, Rollout, Target, Wave
from meshconsole.rollouts.shapes import GatePoint, GateShown, RolloutShown, TargetShown, WaveShown
from meshconsole.rollouts.states import OWNING, RolloutState, WaveState
from meshconsole.telemetry.links import Told

FILTERS = ("kind", "application", "state")
SERIES_LIMIT = 240
"""Rounds of a chart: two hours at their usual distance."""


def rollout_list(picked: Mapping[str, str]) -> QuerySet[Rollout]:
    """Rollouts, newest first, by kind, application and state (`open` is any that owns)."""
    rows = Rollout.objects.annotate(
        wave_count=Count("waves"),
        passed_count=Count("waves", filter=Q(waves__state=WaveState.PASSED)),
    ).order_by("-id")
    for name in FILTERS:
        value = picked.get(name, "")
        if name == "state" and value == "open":
            rows = rows.filter(state__in=OWNING)
        elif value:
            rows = rows.filter(**{name: value})
    return rows


def rollout_get(pk: int) -> Rollout:
    """One rollout; raises NotFound."""
    row = Rollout.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound(f"There is no rollout {pk}.")
    return row


def rollout_owner(kind: str, application: str) -> Rollout | None:
    """The rollout that changes this just now."""
    rows = Rollout.objects.filter(kind=kind, state__in=OWNING)
    return rows.filter(application=application).first()


def decisions_of(pk: int) -> QuerySet[Decision]:
    """The log of one rollout, oldest first."""
    return Decision.objects.filter(rollout_id=pk).order_by("pk")


def rollout_shown(pk: int, now: datetime) -> RolloutShown:
    """Everything of one rollout but its log, in a handful of queries; raises NotFound."""
    row = rollout_get(pk)
    waves = list(row.waves.order_by("number"))
    targets: dict[int, list[Target]] = {}
    for target in Target.objects.filter(wave__rollout=row).order_by("pk"):
        targets.setdefault(target.wave_id, []).append(target)
    gates = _gates(row)
    current = next((wave for wave in waves if wave.state != WaveState.PASSED), None)
    told = told_read() if any(_is_told(wave) for wave in waves) else None
    shown = [
        _wave(wave, targets.get(wave.pk, []), gates.get(wave.pk, {}), told, now, current)
        for wave in waves
    ]
    waits = waits_of(row)
    names = {target.instance for found in targets.values() for target in found}
    acked = {t.instance for found in targets.values() for t in found if t.acked_at is not None}
    return RolloutShown(
        id=row.pk,
        soak_scale=waits.soak_scale,
        min_requests=waits.min_requests,
        wave_count=len(waves),
        passed_count=sum(wave.state == WaveState.PASSED for wave in waves),
        instance_count=len(names),
        acked_count=len(acked),
        left_seconds=_left(row, shown),
        waves=shown,
        **{name: getattr(row, name) for name in _PLAIN},
    )


_PLAIN = (
    "kind", "application", "state", "note", "reason", "spec", "approval", "bypassed_by",
    "braked_by", "created_by", "created_at", "started_by", "started_at", "approved_by",
    "approved_at", "ended_at", "due_at", "revision",
)  # fmt: skip


def _gates(row: Rollout) -> dict[int, dict[str, GateShown]]:
    """By wave and metric: the last word of each gate with its series."""
    found: dict[int, dict[str, list[Evaluation]]] = {}
    for one in Evaluation.objects.filter(wave__rollout=row).order_by("round", "pk"):
        found.setdefault(one.wave_id, {}).setdefault(one.metric, []).append(one)
    return {
        wave: {metric: _gate(series) for metric, series in metrics.items()}
        for wave, metrics in found.items()
    }


def _gate(series: Sequence[Evaluation]) -> GateShown:
    last = series[-1]
    return GateShown(
        metric=last.metric,
        verdict=last.verdict,
        is_hard=last.is_hard,
        measure=last.measure,
        value=last.value,
        control=last.control,
        bound=last.bound,
        sentence=last.sentence,
        at=last.at,
        series=[
            GatePoint(
                at=one.at,
                value=one.value,
                control=one.control,
                bound=one.bound,
                verdict=one.verdict,
            )
            for one in series[-SERIES_LIMIT:]
        ],
    )


def _is_told(wave: Wave) -> bool:
    """Are its ledgers of interest now?"""
    return wave.state != WaveState.PLANNED


def _wave(
    wave: Wave,
    targets: Sequence[Target],
    gates: Mapping[str, GateShown],
    told: Sequence[Told] | None,
    now: datetime,
    current: Wave | None,
) -> WaveShown:
    left = None
    if wave.state == WaveState.SOAKING and wave.soak_until is not None:
        left = max(0.0, (wave.soak_until - now).total_seconds())
    plain = {name: getattr(wave, name) for name in _WAVE_PLAIN}
    return WaveShown(
        is_current=current is not None and wave.pk == current.pk,
        targets=[_target(target) for target in targets],
        total=len(targets),
        applied=sum(target.applied_at is not None for target in targets),
        acked=sum(target.acked_at is not None for target in targets),
        reverted=sum(target.reverted_at is not None for target in targets),
        soak_left_seconds=left,
        gates=list(gates.values()),
        ledger=_ledger(wave, targets, told),
        **plain,
    )


_WAVE_PLAIN = (
    "number", "stage", "share", "goal", "state", "soak_seconds", "hold_seconds", "hold_until",
    "extended", "rounds", "begun_at", "soaking_at", "soak_until", "judge_at", "passed_at",
    "promoted_by",
)  # fmt: skip


def _target(target: Target) -> TargetShown:
    steps = ((target.reverted_at, "reverted"), (target.acked_at, "acked"))
    state = next((word for at, word in steps if at is not None), "")
    return TargetShown(
        instance=target.instance,
        application=target.application,
        unit=target.unit,
        before=target.before,
        state=state or ("written" if target.stepped_at else "planned"),
        note=target.note,
        applied_at=target.applied_at,
        acked_at=target.acked_at,
        reverted_at=target.reverted_at,
    )


def _ledger(wave: Wave, targets: Sequence[Target], told: Sequence[Told] | None) -> Came | None:
    if told is None or not _is_told(wave) or not wave.baseline:
        return None
    begun = msgspec.convert(wave.baseline, Baseline).links
    if begun is None:
        return None
    return came_since(counts_of(told, [target.instance for target in targets]), begun)


def _left(row: Rollout, waves: Sequence[WaveShown]) -> float | None:
    """How long it takes at the least, from the soaks that are still to come."""
    if row.state not in (RolloutState.APPROVED, RolloutState.PROGRESSING, RolloutState.SOAKING):
        return None
    return sum(
        wave.soak_left_seconds
        if wave.soak_left_seconds is not None
        else wave.soak_seconds + (0 if wave.begun_at else wave.hold_seconds)
        for wave in waves
        if wave.state != WaveState.PASSED
    )
