"""The targets of a wave: who they are now, and what was written for and seen at each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from meshconsole.inventory.models import Instance
from meshconsole.rollouts.evidence import Baseline, minute_moved, told_read
from meshconsole.rollouts.kinds.protocol import Seen, Spec, Work, Written
from meshconsole.rollouts.models import Rollout, Target, Wave
from meshconsole.rollouts.states import WaveState
from meshconsole.telemetry.links import Told

LOOK_SECONDS = 1.0
"""How soon the engine looks again at what it waits for."""
_NAMED_LIMIT = 3


def work_on(rollout: Rollout, wave: Wave, now: datetime) -> Work:
    """A wave with its targets, and what sidecars say, for one step."""
    return _work(rollout, wave, now, told_read())


def written_works(rollout: Rollout, now: datetime) -> list[Work]:
    """Waves for which something was written, the latest first: what a rollback has to undo."""
    waves = rollout.waves.exclude(state=WaveState.PLANNED).order_by("-number")
    told = told_read()
    return [_work(rollout, wave, now, told) for wave in waves]


def _work(rollout: Rollout, wave: Wave, now: datetime, told: Sequence[Told] | None) -> Work:
    targets = list(wave.targets.order_by("pk"))
    return Work(rollout=rollout, wave=wave, targets=targets, now=now, told=told)


def baseline_of(work: Work) -> Baseline:
    """What the wave is held against; the minute of handshakes in it is moved on when it is due."""
    baseline = msgspec.convert(work.wave.baseline, Baseline)
    moved = minute_moved(work, baseline)
    if moved is None:
        return baseline
    # Alone, and not with the step: whoever loses the turn has only moved the minute on.
    Wave.objects.filter(pk=work.wave.pk).update(baseline=msgspec.to_builtins(moved))
    return moved


def waits_of(rollout: Rollout) -> Spec:
    """What the spec of any kind says of waits and evidence."""
    known = {name: rollout.spec[name] for name in Spec.__struct_fields__ if name in rollout.spec}
    return Spec(**known)


def gone_of(targets: Iterable[Target]) -> list[Target]:
    """Targets whose instance is not there any more."""
    listed = list(targets)
    names = [target.instance for target in listed]
    there = set(
        Instance.objects.open().filter(instance_id__in=names).values_list("instance_id", flat=True)
    )
    return [target for target in listed if target.instance not in there]


def note_written(work: Work, written: Written) -> None:
    """Keep what was written for each target, and when."""
    changed = []
    for target in work.targets:
        name = target.instance
        if name in written.stepped:
            target.stepped_at = work.now
        if name in written.arrived and target.applied_at is None:
            target.applied_at = work.now
        target.note = written.notes.get(name, "")[:300]
        changed.append(target)
    Target.objects.bulk_update(changed, ["stepped_at", "applied_at", "note"])
    _note_revision(work, written)


def note_seen(work: Work, seen: Seen) -> bool:
    """Keep who has it in force; True when somebody new has."""
    news = [t for t in work.targets if t.acked_at is None and t.instance in seen.in_force]
    for target in news:
        target.acked_at = work.now
    lost = [t for t in work.targets if t.acked_at is not None and t.instance not in seen.in_force]
    for target in lost:
        target.acked_at = None
    Target.objects.bulk_update([*news, *lost], ["acked_at"])
    return bool(news or lost)


def note_undone(works: Sequence[Work], seen: Seen) -> bool:
    """Keep who is as before; True when somebody new is."""
    news = [
        target
        for work in works
        for target in work.targets
        if target.reverted_at is None and target.instance in seen.in_force
    ]
    for target in news:
        target.reverted_at = works[0].now
    Target.objects.bulk_update(news, ["reverted_at"])
    return bool(news)


def missing_of(seen: Seen, names: Iterable[str]) -> str:
    """Who is waited for and why, in a sentence; some of them when they are many."""
    reasons = dict(seen.missing) or {
        name: "not taken yet" for name in names if name not in seen.in_force
    }
    told = [f"{name}: {reason}" for name, reason in sorted(reasons.items())[:_NAMED_LIMIT]]
    more = len(reasons) - _NAMED_LIMIT
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


def look_at(now: datetime) -> datetime:
    """When to look again at what is waited for."""
    return now + timedelta(seconds=LOOK_SECONDS)


def _note_revision(work: Work, written: Written) -> None:
    if not written.stepped and not written.revision:
        return
    work.wave.written_at = work.now
    if written.revision:
        work.wave.revision = work.rollout.revision = written.revision
        work.rollout.save(update_fields=["revision"])
    work.wave.save(update_fields=["written_at", "revision"])
