"""Reading rollouts: the list, and one with everything that its page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from meshconsole.core.errors import NotFound
from meshconsole.rollouts.cohort import waits_of
from meshconsole.rollouts.evidence import told_read
from meshconsole.rollouts.keeping import came_kept, came_of, ledger_kept
from meshconsole.rollouts.ledgers import Came
from meshconsole.rollouts.models import Decision, Evaluation, Rollout, Target, Wave
from meshconsole.rollouts.shapes import GatePoint, GateShown, RolloutShown, TargetShown, WaveShown
from meshconsole.rollouts.states import OWNING, RolloutState, WaveState

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
    came = _ledgers(row, waves, targets)
    shown = [
        _wave(wave, targets.get(wave.pk, []), gates.get(wave.pk, {}), came[wave.pk], now, current)
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


def _wave(
    wave: Wave,
    targets: Sequence[Target],
    gates: Mapping[str, GateShown],
    ledger: Came | None,
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
        ledger=ledger,
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


def _ledgers(
    row: Rollout, waves: Sequence[Wave], targets: Mapping[int, Sequence[Target]]
) -> dict[int, Came | None]:
    """What each wave has seen, by its key: as it was kept at the end, or as sidecars tell now."""
    kept = ledger_kept(row)
    if kept is not None:
        return {wave.pk: came_kept(kept, wave.number) for wave in waves}
    begun = [wave for wave in waves if wave.state != WaveState.PLANNED]
    told = told_read() if begun else None
    found: dict[int, Came | None] = {wave.pk: None for wave in waves}
    for wave in begun if told is not None else ():
        names = [target.instance for target in targets.get(wave.pk, ())]
        found[wave.pk] = came_of(wave, names, told or ())
    return found


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
