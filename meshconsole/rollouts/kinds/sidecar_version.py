"""Sidecar version: sidecars replaced by their own hand-over, a wave at a time.

The console cannot start processes on anybody's machine. Whoever can (the declared actuator, or a
person) reads the instances of the wave in force from the API and asks each sidecar to hand over
with `POST /upgrade`; the wave waits until each says its new version. Rolling back is the same: the
wave is `reverting`, and each instance's `before` says which version it is to have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.conf import settings

from meshconsole.inventory.models import Instance, Tier
from meshconsole.inventory.selectors import application_get
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
    untouched,
)
from meshconsole.rollouts.kinds.seats import applications_of, seats_of, sidecars_of
from meshconsole.rollouts.models import MESH, Rollout, Wave
from meshconsole.rollouts.plan import ladder


class VersionSpec(Spec, frozen=True, kw_only=True):
    """Which version, and who replaces the sidecars."""

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    by: Literal["actuator", "operator"] = "actuator"


class SidecarVersion:
    """Waits, wave by wave, for sidecars that somebody else replaces."""

    name = "sidecar_version"
    patience_seconds = 900.0

    def gates(self, wave: Wave) -> Gates:
        """Traffic, acks and ejections; cuts where sidecars tell of them."""
        needed = frozenset({"error_rate", "p99", "p50", "acks", "ejections"})
        return Gates(metrics=needed | {"cut", "memory", "cpu"}, needed=needed)

    def checked(self, application: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """A version, and an application that is there."""
        if application != MESH:
            application_get(application)
        checked: dict[str, Any] = msgspec.to_builtins(converted(spec, VersionSpec))
        return checked

    def plan(self, rollout: Rollout) -> Draft:
        """A ladder over the sidecars of another version."""
        spec = converted(rollout.spec, VersionSpec)
        rows = sidecars_of(applications_of(rollout)).exclude(sidecar_version=spec.version)
        seats = seats_of(rows)
        whom = rollout.application or "the whole mesh"
        return Draft(
            summary=f"Replace {len(seats)} sidecars of {whom} by {spec.version}.",
            waves=tuple(
                WavePlan(
                    stage=spec.version,
                    share=step.share,
                    seats=tuple(seats[name] for name in step.instances),
                    goal={"version": spec.version},
                    soak_seconds=step.soak_seconds,
                )
                for step in ladder(seats.values(), soak_scale=spec.soak_scale)
            ),
            affected_sidecars=len(seats),
            approval=_approval(rollout),
        )

    def precheck(self, rollout: Rollout, wave: Wave | None, now: datetime) -> list[str]:
        """Somebody has to be there who does it."""
        spec = converted(rollout.spec, VersionSpec)
        if spec.by == "operator" or settings.MESH_SIDECAR_ACTUATOR:
            return []
        return [
            "Nothing replaces sidecars here: set MESH_SIDECAR_ACTUATOR to the name of what does, "
            "or say `by: operator` and ask each wave's sidecars yourself, with POST /upgrade."
        ]

    def before(self, work: Work) -> Before:
        """Each sidecar's version."""
        return Before(instances=_versions(work.names))

    def apply(self, work: Work) -> Written:
        """Being in force is what the wave writes: the actuator reads it."""
        fresh = {target.instance for target in work.targets if target.stepped_at is None}
        return Written(arrived=frozenset(work.names), stepped=frozenset(fresh))

    def observe(self, work: Work) -> Seen:
        """Who says the new version; who is gone is waited for by nobody."""
        return _seen_of_there(dict.fromkeys(work.names, str(work.wave.goal["version"])))

    def revert(self, works: Sequence[Work]) -> Written:
        """The same, of what was before."""
        return Written(arrived=frozenset(name for work in works for name in work.names))

    def undone(self, works: Sequence[Work]) -> Seen:
        """Who says the old version again; who is gone needs nothing."""
        goals = {target.instance: target.before for work in works for target in work.targets}
        return _seen_of_there(goals)

    def control(self, work: Work) -> list[str]:
        """Instances of later waves."""
        return untouched(work)

    def hindsight(self, rollout: Rollout, now: datetime) -> list[str]:
        """Nothing."""
        return []

    def done(self, rollout: Rollout, now: datetime) -> None:
        """Nothing: the last wave is all of it."""


def _versions(names: Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    rows = Instance.objects.open().filter(instance_id__in=list(names))
    return dict(rows.values_list("instance_id", "sidecar_version"))


def _seen_of_there(goals: Mapping[str, str]) -> Seen:
    """The same of instances that are still there; those that are gone need nothing."""
    there = _versions(goals)
    seen = _seen({name: version for name, version in goals.items() if name in there})
    return replace(seen, in_force=seen.in_force | (goals.keys() - there.keys()))


def _seen(goals: Mapping[str, str]) -> Seen:
    versions = _versions(goals)
    missing = {
        name: f"its sidecar is {versions.get(name) or 'of an unknown version'}"
        for name, version in goals.items()
        if versions.get(name) != version
    }
    return Seen(
        in_force=frozenset(goals.keys() - missing.keys()),
        acked=len(goals) - len(missing),
        expected=len(goals),
        missing=missing,
    )


def _approval(rollout: Rollout) -> str:
    if rollout.application == MESH:
        return "It concerns the whole mesh."
    app = application_get(rollout.application)
    return f"{app.name} is critical." if app.tier == Tier.CRITICAL else ""
