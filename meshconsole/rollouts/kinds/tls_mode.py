"""TLS mode: instances of an application, or of all, on their safe way to another mode.

A wave's instances go by steps inside of the wave, each when its sidecar has the one before in
force. Strict is a ladder of its own after everybody is preferred, and plaintext one of its own
after everybody is permissive: both refuse what the step before still accepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from meshconsole.encryption.blockers import LINK_CAPS
from meshconsole.encryption.selectors import modes_of, strict_blockers
from meshconsole.encryption.services import mode_default_set, modes_set
from meshconsole.inventory.models import Instance, Source, Tier
from meshconsole.inventory.selectors import application_get
from meshconsole.rollouts.kinds import quiet
from meshconsole.rollouts.kinds.modes import (
    Stand,
    is_in_force,
    next_step,
    rank,
    stages,
    why_not,
)
from meshconsole.rollouts.kinds.protocol import (
    Before,
    Draft,
    Gates,
    Seen,
    Spec,
    WavePlan,
    Work,
    Written,
    converted,
    safety_scale,
    untouched,
)
from meshconsole.rollouts.kinds.seats import applications_of, seats_of, sidecars_of
from meshconsole.rollouts.models import MESH, Rollout, Target, Wave
from meshconsole.rollouts.plan import ladder
from meshconsole.rollouts.record import ENGINE, write_down
from meshconsole.telemetry import links
from proxy.contract.reports import LinkState
from proxy.contract.snapshot import TlsMode

_JUDGED = frozenset({"error_rate", "p99", "p50", "cut", "handshakes", "acks", "ejections"})


class TlsSpec(Spec, frozen=True, kw_only=True):
    """Where to go."""

    to: TlsMode


class TlsModes:
    """Steps the modes of instances."""

    name = "tls_mode"
    patience_seconds = 60.0

    def gates(self, wave: Wave) -> Gates:
        """All that can be measured; strict allows no plaintext."""
        strict = frozenset({"plaintext"}) if wave.stage == "strict" else frozenset()
        return Gates(metrics=_JUDGED | strict, needed=_JUDGED)

    def checked(self, application: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """A mode, and an application that is there."""
        if application != MESH:
            application_get(application)
        checked: dict[str, Any] = msgspec.to_builtins(converted(spec, TlsSpec))
        return checked

    def plan(self, rollout: Rollout) -> Draft:
        """A ladder for each stage, over the instances that are not there yet."""
        spec = converted(rollout.spec, TlsSpec)
        apps = applications_of(rollout)
        modes, seats = _modes(apps), seats_of(sidecars_of(apps))
        waves: list[WavePlan] = []
        for stage in stages(spec.to, set(modes.values())):
            reached = [seats[name] for name, mode in modes.items() if _is_short(mode, stage, spec)]
            hold = quiet.hold_seconds(stage, safety_scale(spec)) if waves else 0.0
            for step in ladder(reached, soak_scale=spec.soak_scale):
                waves.append(
                    WavePlan(
                        stage=stage,
                        share=step.share,
                        seats=tuple(seats[name] for name in step.instances),
                        goal={"mode": stage},
                        soak_seconds=step.soak_seconds,
                        hold_seconds=hold,
                    )
                )
                hold = 0.0
        moving = {seat.instance for wave in waves for seat in wave.seats}
        whom = rollout.application or "the whole mesh"
        return Draft(
            summary=f"Make {len(moving)} of {len(modes)} instances of {whom} {spec.to}.",
            waves=tuple(waves),
            affected_sidecars=Instance.objects.open().filter(source=Source.SIDECAR).count(),
            approval=_approval(rollout, spec),
        )

    def precheck(self, rollout: Rollout, wave: Wave | None, now: datetime) -> list[str]:
        """What cannot speak TLS, and for strict whoever still comes in plaintext."""
        spec = converted(rollout.spec, TlsSpec)
        found = []
        if rank(spec.to) > rank("permissive"):
            found += _too_old(applications_of(rollout))
        if spec.to != "strict" or (wave is not None and wave.stage != "strict"):
            return found
        minutes = quiet.minutes_of(safety_scale(spec))
        found_by = {
            app: strict_blockers(app, now, quiet_minutes=minutes)
            for app in applications_of(rollout)
            if _modes([app])
        }
        if wave is not None:
            quiet.check(rollout, wave, found_by, now, minutes=minutes)
            return found + [one.sentence for listed in found_by.values() for one in listed]
        for app, listed in found_by.items():
            is_next = set(_modes([app]).values()) <= {"preferred", "strict"}
            found += (one.sentence for one in listed if is_next or one.kind == "caller")
        return found

    def before(self, work: Work) -> Before:
        """Each instance's mode."""
        modes = _modes({target.application for target in work.targets})
        return Before(instances={name: modes.get(name, "plaintext") for name in work.names})

    def apply(self, work: Work) -> Written:
        """Each instance one step nearer to the wave's mode, if it may be."""
        goals = {target.instance: work.wave.goal["mode"] for target in work.targets}
        return _drive(work, work.targets, goals)

    def observe(self, work: Work) -> Seen:
        """Whose sidecar is in the wave's mode; who is gone is waited for by nobody."""
        mode = work.wave.goal["mode"]
        return _seen_of_there(work, dict.fromkeys(work.names, mode))

    def revert(self, works: Sequence[Work]) -> Written:
        """Each instance one step nearer to what it was before the first wave that it was in."""
        targets = [target for work in works for target in work.targets]
        return _drive(works[0], targets, _way_back(works))

    def undone(self, works: Sequence[Work]) -> Seen:
        """Whose sidecar is as before; who is gone needs nothing."""
        return _seen_of_there(works[0], _way_back(works))

    def control(self, work: Work) -> list[str]:
        """Instances of later waves of the same stage."""
        return untouched(work)

    def hindsight(self, rollout: Rollout, now: datetime) -> list[str]:
        """Nothing."""
        return []

    def done(self, rollout: Rollout, now: datetime) -> None:
        """Instances that are new from now on begin in this mode. Who joined while waves were under
        way was in none of them and stays as it is: no instance leaps over a step."""
        spec = converted(rollout.spec, TlsSpec)
        why = f"rollout {rollout}"
        for app in applications_of(rollout):
            modes = _modes([app])
            late = {name: mode for name, mode in modes.items() if mode != spec.to}
            if late:
                modes_set(app, late, actor=ENGINE, reason=why, force=True, now=now)
                told = f"{len(late)} joined meanwhile and stay as they are, such as {min(late)}: "
                told += "roll it out once more for them."
                write_down(rollout, actor=ENGINE, verb="left_out", why=told, now=now)
            if modes:
                mode_default_set(app, spec.to, actor=ENGINE, reason=why, force=True, now=now)


def _is_short(mode: TlsMode, stage: TlsMode, spec: TlsSpec) -> bool:
    """Has an instance in this mode anything to do in this stage?"""
    if stage == spec.to:
        return mode != stage
    up = rank(spec.to) > rank(stage)
    return rank(mode) < rank(stage) if up else rank(mode) > rank(stage)


def _drive(work: Work, targets: Sequence[Target], goals: Mapping[str, TlsMode]) -> Written:
    apps = {target.instance: target.application for target in targets}
    modes = _modes(set(apps.values()))
    states = _states(work)
    steps = {}
    for name, goal in goals.items():
        if name not in modes:
            continue
        mine = [target for target in targets if target.instance == name]
        times = [target.stepped_at for target in mine if target.stepped_at is not None]
        stand = Stand(
            mode=modes[name],
            goal=goal,
            state=states.get(name),
            stepped_at=max(times, default=None),
            was_advertised=any(target.applied_at is not None for target in mine),
        )
        scale = safety_scale(converted(work.rollout.spec, TlsSpec))
        steps[name] = next_step(stand, now=work.now, scale=scale)
    wanted: dict[str, dict[str, TlsMode]] = {}
    for name, step in steps.items():
        if step.mode is not None:
            wanted.setdefault(apps[name], {})[name] = step.mode
    revision = 0
    for app, new in sorted(wanted.items()):
        why = f"{work.wave} of {work.rollout.kind}"
        revision = modes_set(app, new, actor=ENGINE, reason=why, force=True, now=work.now)
    stepped = {name: mode for new in wanted.values() for name, mode in new.items()}
    waits = [step.waits_until for step in steps.values() if step.waits_until is not None]
    return Written(
        arrived=frozenset(
            name for name, goal in goals.items() if stepped.get(name, modes.get(name, goal)) == goal
        ),
        stepped=frozenset(stepped),
        notes={name: step.note for name, step in steps.items() if step.note},
        revision=revision,
        waits_until=max(waits, default=None),
    )


def _way_back(works: Sequence[Work]) -> dict[str, TlsMode]:
    """Works are in reverse order, so the last word is the oldest."""
    goals: dict[str, TlsMode] = {}
    for work in works:
        for target in work.targets:
            goals[target.instance] = msgspec.convert(target.before or "plaintext", TlsMode)
    return goals


def _seen_of_there(work: Work, goals: Mapping[str, TlsMode]) -> Seen:
    """The same of instances that are still there; those that are gone need nothing."""
    there = set(
        Instance.objects.open().filter(instance_id__in=goals).values_list("instance_id", flat=True)
    )
    seen = _seen(work, {name: mode for name, mode in goals.items() if name in there})
    return replace(seen, in_force=seen.in_force | (goals.keys() - there))


def _seen(work: Work, goals: Mapping[str, TlsMode]) -> Seen:
    if work.told is None:
        return Seen()
    states = _states(work)
    done = {name for name, mode in goals.items() if is_in_force(mode, states.get(name))}
    return Seen(
        in_force=frozenset(done),
        acked=len(done),
        expected=len(goals),
        missing={
            name: why_not(mode, states.get(name))
            for name, mode in goals.items()
            if name not in done
        },
    )


def _states(work: Work) -> dict[str, LinkState]:
    """What sidecars say; while that is not known, nobody is ready."""
    latest = links.latest(work.told or (), work.now.timestamp())
    return {name: told.state for name, told in latest.items()}


def _modes(apps: Sequence[str] | set[str]) -> dict[str, TlsMode]:
    """Intended modes of open instances that have a sidecar."""
    names = set(sidecars_of(apps).values_list("instance_id", flat=True))
    return {
        name: mode for app in sorted(apps) for name, mode in modes_of(app).items() if name in names
    }


def _too_old(apps: Sequence[str]) -> list[str]:
    rows = sidecars_of(apps)
    return [
        f"The sidecar of {name} is too old to speak TLS; update it."
        for name, caps in rows.order_by("instance_id").values_list("instance_id", "caps")
        if not set(caps) >= LINK_CAPS
    ]


def _approval(rollout: Rollout, spec: TlsSpec) -> str:
    if rollout.application == MESH:
        return "It concerns the whole mesh."
    if spec.to == "strict":
        return "Strict refuses callers."
    app = application_get(rollout.application)
    return f"{app.name} is critical." if app.tier == Tier.CRITICAL else ""
