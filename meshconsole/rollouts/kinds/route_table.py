"""Route table: the shares of an application's groups, moved by parts of the difference.

The cohort of a wave are the instances of groups that get more; the control group are those of the
groups that do not. A group that had no share has no past of its own and borrows the control's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from meshconsole.core.errors import Invalid, MeshError
from meshconsole.inventory.models import Instance, Source, Tier
from meshconsole.inventory.selectors import application_get
from meshconsole.inventory.states import InstanceState
from meshconsole.rollouts.kinds.acks import acked
from meshconsole.rollouts.kinds.protocol import (
    Before,
    Draft,
    Gates,
    Halted,
    Seen,
    Spec,
    WavePlan,
    Work,
    Written,
    converted,
)
from meshconsole.rollouts.models import MESH, Rollout, Wave
from meshconsole.rollouts.plan import Seat, shares
from meshconsole.rollouts.record import ENGINE
from meshconsole.steering.models import Route
from meshconsole.steering.selectors import target_of
from meshconsole.steering.services import checked_split, split_set
from meshconsole.steering.split import GROUPS_LIMIT, Split, normalised, summary


class RouteSpec(Spec, frozen=True, kw_only=True):
    """The split to arrive at, percent by group."""

    split: Annotated[dict[str, float], msgspec.Meta(min_length=1, max_length=GROUPS_LIMIT)]


class RouteTable:
    """Steps the split of one application."""

    name = "route_table"
    patience_seconds = 30.0

    def gates(self, wave: Wave) -> Gates:
        """Traffic, acks and ejections; cuts where sidecars tell of them."""
        needed = frozenset({"error_rate", "p99", "p50", "acks", "ejections"})
        return Gates(metrics=needed | {"cut"}, needed=needed)

    def checked(self, application: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """A split that the route itself would take; raises Invalid."""
        if application == MESH:
            raise Invalid("A route belongs to an application: name one.", code="application")
        given = converted(spec, RouteSpec)
        try:
            split = checked_split(app=application, split=given.split)
        except MeshError as error:
            for fault in error.errors:
                fault["pointer"] = f"/spec{fault['pointer']}"
            raise
        checked: dict[str, Any] = msgspec.to_builtins(given)
        return checked | {"split": split}

    def plan(self, rollout: Rollout) -> Draft:
        """By 1%, 5%, 20%, 50% and all of the difference."""
        spec = converted(rollout.spec, RouteSpec)
        before, after = _in_force(rollout.application), normalised(spec.split)
        seats = _seats(rollout.application, _growing(before, after))
        waves = tuple(
            WavePlan(
                stage="shares",
                share=step.share,
                seats=seats,
                goal={"split": normalised(step.split)},
                soak_seconds=step.soak_seconds,
            )
            for step in shares(before, after, soak_scale=spec.soak_scale)
        )
        app = application_get(rollout.application)
        return Draft(
            summary=summary(app.name, before, after),
            waves=waves,
            affected_sidecars=Instance.objects.open().filter(source=Source.SIDECAR).count(),
            approval=f"{app.name} is critical." if app.tier == Tier.CRITICAL else "",
        )

    def precheck(self, rollout: Rollout, wave: Wave | None, now: datetime) -> list[str]:
        """A split that the route would refuse, and a route that somebody else has changed."""
        spec = converted(rollout.spec, RouteSpec)
        found = []
        try:
            checked_split(app=rollout.application, split=spec.split)
        except MeshError as error:
            found.append(error.detail)
        if wave is None:
            if _in_force(rollout.application) == normalised(spec.split):
                found.append("That split is in force already.")
        elif not self._is_as_expected(rollout, wave):
            found.append(_changed(rollout.application))
        return found

    def _is_as_expected(self, rollout: Rollout, wave: Wave) -> bool:
        """Is in force what the plan began from, or what the wave before has left? A first wave
        may come long after its preview: by then its share may be no small step any more."""
        if wave.number > 1:
            last: Split = rollout.waves.get(number=wave.number - 1).goal["split"]
            return _in_force(rollout.application) == last
        steps = self.plan(rollout).waves
        return bool(steps) and steps[0].goal == wave.goal

    def before(self, work: Work) -> Before:
        """The split in force."""
        return Before(wave={"split": _in_force(work.rollout.application)})

    def apply(self, work: Work) -> Written:
        """Put the wave's split in force."""
        return self._write(work, work.wave.goal["split"], work.wave.before["split"], work.names)

    def observe(self, work: Work) -> Seen:
        """Every sidecar that is online has to have it, since every one may be a caller."""
        if _in_force(work.rollout.application) != work.wave.goal["split"]:
            raise Halted(_changed(work.rollout.application))
        return acked(work.wave.revision, work.names)

    def revert(self, works: Sequence[Work]) -> Written:
        """Straight to what was before the first wave: one split replaces another whole."""
        first = works[-1]
        names = [name for work in works for name in work.names]
        expected = _in_force(first.rollout.application)
        mine = [work.wave.goal["split"] for work in works]
        if expected not in (*mine, *(work.wave.before["split"] for work in works)):
            raise Halted(_changed(first.rollout.application))
        return self._write(first, first.wave.before["split"], expected, names)

    def undone(self, works: Sequence[Work]) -> Seen:
        """The same, of what was before."""
        first = works[-1]
        if _in_force(first.rollout.application) != first.wave.before["split"]:
            return Seen()
        names = [name for work in works for name in work.names]
        return acked(first.rollout.revision, names)

    def control(self, work: Work) -> list[str]:
        """Serving instances of the application that do not get more."""
        mine = set(work.names)
        rows = Instance.objects.filter(
            application__name=work.rollout.application, state=InstanceState.SERVING
        )
        names = rows.order_by("instance_id").values_list("instance_id", flat=True)
        return [name for name in names if name not in mine]

    def hindsight(self, rollout: Rollout, now: datetime) -> list[str]:
        """Nothing."""
        return []

    def done(self, rollout: Rollout, now: datetime) -> None:
        """Nothing: the last wave is all of it."""

    def _write(self, work: Work, wanted: Split, expected: Split, names: Sequence[str]) -> Written:
        application = work.rollout.application
        now = _in_force(application)
        if now == wanted:
            return Written(arrived=frozenset(names))
        if now != expected:
            raise Halted(_changed(application))
        split_set(
            application=application,
            split=wanted,
            expected_version=None,
            actor=ENGINE,
            reason=f"{work.wave} of {work.rollout.kind}",
            force=True,
        )
        latest = Route.objects.get(application__name=application).versions.first()
        return Written(
            arrived=frozenset(names),
            stepped=frozenset(names),
            revision=latest.revision if latest else 0,
        )


def _in_force(application: str) -> Split:
    """The split that holds; without a route, the shares of serving instances, which is the same."""
    route = Route.objects.filter(application__name=application).first()
    if route is not None:
        return dict(route.split)
    serving = target_of(application).serving
    total = sum(serving.values())
    cents = {group: 10_000 * count // total for group, count in sorted(serving.items())}
    for group in sorted(cents)[: 10_000 - sum(cents.values()) if cents else 0]:
        cents[group] += 1
    return normalised({group: count / 100 for group, count in cents.items()})


def _growing(before: Split, after: Split) -> set[str]:
    return {group for group, percent in after.items() if percent > before.get(group, 0)}


def _seats(application: str, groups: set[str]) -> tuple[Seat, ...]:
    rows = Instance.objects.filter(
        application__name=application, group__name__in=groups, state=InstanceState.SERVING
    )
    names = rows.order_by("unit__name", "instance_id").values_list("instance_id", "unit__name")
    return tuple(Seat(instance=name, application=application, unit=unit) for name, unit in names)


def _changed(application: str) -> str:
    return f"The route of {application} was changed by somebody else meanwhile."
