"""Healing mode: how far healing may go, one level at a time, in waves over whole applications.

A policy is an application's, so an application is the least that a wave can be made of; its
instances are what the gates look at. Of the whole mesh, the waves are the applications that say
nothing of their own: each is told by its own row until all have passed, then the mesh says it and
they inherit again. Who has said something keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from meshconsole.core import revision
from meshconsole.core.errors import FieldFault, Invalid
from meshconsole.healing.guards.parameters import EJECTION_MODES, EjectionMode, Mode
from meshconsole.healing.guards.selectors import policies_of, policy_of
from meshconsole.inventory.models import Instance, Source, Tier
from meshconsole.inventory.selectors import application_get
from meshconsole.rollouts.kinds import hindsight
from meshconsole.rollouts.kinds.acks import acked
from meshconsole.rollouts.kinds.levels import Part, is_wider, way
from meshconsole.rollouts.kinds.policies import (
    apps_of,
    changed,
    concerned,
    put,
    said_by,
    unable,
    wanted_of,
    way_back,
    word_of,
)
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
    untouched,
)
from meshconsole.rollouts.kinds.seats import seats_of, sidecars_of
from meshconsole.rollouts.models import MESH, Rollout, Wave
from meshconsole.rollouts.plan import Seat, parts, soak_of

_ONE_OF = "Say one of mode and ejection_mode: each is rolled out by itself."


class HealingSpec(Spec, frozen=True, kw_only=True, omit_defaults=True):
    """Which level of which part to arrive at."""

    mode: Mode | None = None
    ejection_mode: EjectionMode | None = None


class HealingMode:
    """Steps what healing may do, application by application."""

    name = "healing_mode"
    patience_seconds = 30.0

    def gates(self, wave: Wave) -> Gates:
        """Instances that callers find failing, errors and latency; acks where sidecars are told."""
        needed = {"error_rate", "ejections"}
        if wave.stage in EJECTION_MODES:
            needed.add("acks")
        return Gates(metrics=frozenset(needed | {"p99", "p50"}), needed=frozenset(needed))

    def checked(self, application: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """One level, and an application that is there."""
        if application != MESH:
            application_get(application)
        given = converted(spec, HealingSpec)
        if (given.mode is None) == (given.ejection_mode is None):
            fault = FieldFault(pointer="/spec", detail=_ONE_OF)
            raise Invalid(_ONE_OF, code="spec", errors=[fault])
        checked: dict[str, Any] = msgspec.to_builtins(given)
        return checked

    def plan(self, rollout: Rollout) -> Draft:
        """For each level on the way a ladder over the applications, critical ones last."""
        part, to = wanted_of(rollout.spec)
        now = getattr(policy_of(rollout.application), part)
        apps, kept = concerned(rollout.application, part)
        seats = _seats(apps)
        scale = converted(rollout.spec, HealingSpec).soak_scale
        waves = tuple(
            WavePlan(
                stage=level,
                share=share.replace("instance", "application"),
                seats=tuple(seat for app in names for seat in seats[app]),
                goal={"part": part, "from": before, "to": level},
                soak_seconds=soak_of(minutes, scale),
            )
            for before, level in way(part, now, to)
            for share, minutes, names in _dealt([app for app in apps if seats.get(app)])
        )
        return Draft(
            summary=_summary(rollout.application, part, now, to, apps, kept),
            waves=waves,
            affected_sidecars=_told(part),
            approval=_approval(rollout.application, is_up=is_wider(part, now, to)),
        )

    def precheck(self, rollout: Rollout, wave: Wave | None, now: datetime) -> list[str]:
        """A brake that is pulled, nobody to act, and a policy that somebody else has changed."""
        part, to = wanted_of(rollout.spec)
        if wave is None:
            level = getattr(policy_of(rollout.application), part)
            apps, _ = concerned(rollout.application, part)
            found = _unseen(apps, part) if level != to else []
        else:
            level, apps = wave.goal["from"], _apps(wave)
            policies = policies_of(apps)
            found = [changed(app, part) for app in apps if getattr(policies[app], part) != level]
        return found + (unable(apps, part, to) if is_wider(part, level, to) else [])

    def before(self, work: Work) -> Before:
        """What the rows say themselves, the mesh's among them; nothing is inherited."""
        part, _ = wanted_of(work.rollout.spec)
        return Before(wave={"levels": said_by([MESH, *apps_of(work)], part)})

    def apply(self, work: Work) -> Written:
        """Every application of the wave at its level."""
        part, to = work.wave.goal["part"], work.wave.goal["to"]
        self._check(work)
        return _write(work, part, dict.fromkeys(apps_of(work), to))

    def observe(self, work: Work) -> Seen:
        """The healer reads rows, so its mode holds at once; ejection has to be told to callers."""
        self._check(work)
        return _seen(work.wave.goal["part"], work.wave.revision, work.names)

    def _check(self, work: Work) -> None:
        """Raise Halted when a row says neither what was before nor what the wave writes."""
        part, to = work.wave.goal["part"], work.wave.goal["to"]
        before: dict[str, str] = work.wave.before["levels"]
        now = said_by([MESH, *apps_of(work)], part)
        for app, level in now.items():
            if level != before.get(app, level) and (app == MESH or level != to):
                raise Halted(changed(app, part))

    def revert(self, works: Sequence[Work]) -> Written:
        """Straight to what each row said before the first wave that changed it."""
        part = works[0].wave.goal["part"]
        goals = way_back(works)
        known = [set(goals.values()), *({w.wave.goal["to"], w.wave.goal["from"]} for w in works)]
        for app, level in said_by(goals, part).items():
            if level not in set().union(*known):
                raise Halted(changed(app, part))
        return _write(works[-1], part, goals, [name for work in works for name in work.names])

    def undone(self, works: Sequence[Work]) -> Seen:
        """Do the rows say what was before, and has every caller been told?"""
        part, goals = works[0].wave.goal["part"], way_back(works)
        if said_by(goals, part) != goals:
            return Seen()
        names = [name for work in works for name in work.names]
        return _seen(part, works[0].rollout.revision, names)

    def control(self, work: Work) -> list[str]:
        """Instances of applications that later waves of the same level reach."""
        return untouched(work)

    def hindsight(self, rollout: Rollout, now: datetime) -> list[str]:
        """What became of the faults of the last days, and what would have."""
        part, to = wanted_of(rollout.spec)
        apps, _ = concerned(rollout.application, part)
        if part == "ejection_mode":
            return hindsight.of_ejection(apps, to, now)
        return hindsight.of_cases(apps, to, now)

    def done(self, rollout: Rollout, now: datetime) -> None:
        """The mesh says it from now on, and who inherited before inherits again."""
        if rollout.application != MESH:
            return
        part, to = wanted_of(rollout.spec)
        goals: dict[str, str] = {}
        for wave in rollout.waves.order_by("-number"):
            goals |= {app: level for app, level in wave.before.get("levels", {}).items() if app}
        still = {app for app, level in said_by(goals, part).items() if level == to}
        put(rollout, part, {MESH: to}, now)
        put(rollout, part, {app: level for app, level in goals.items() if app in still}, now)


def _dealt(apps: Sequence[str]) -> list[tuple[str, float, Sequence[str]]]:
    """Share, minutes of soak and applications of each wave."""
    dealt = []
    begin = 0
    for share, count, minutes in parts(len(apps)):
        dealt.append((share, minutes, apps[begin : begin + count]))
        begin += count
    return dealt


def _seats(apps: Iterable[str]) -> dict[str, list[Seat]]:
    found: dict[str, list[Seat]] = {}
    for _, seat in sorted(seats_of(sidecars_of(apps)).items()):
        found.setdefault(seat.application, []).append(seat)
    return found


def _apps(wave: Wave) -> list[str]:
    return sorted(set(wave.targets.values_list("application", flat=True)))


def _write(
    work: Work, part: Part, goals: Mapping[str, str], names: Sequence[str] | None = None
) -> Written:
    """The rows that say something else, and the instances of their applications."""
    due = {app for app, level in said_by(goals, part).items() if level != goals[app]}
    put(work.rollout, part, {app: goals[app] for app in sorted(due)}, work.now)
    stepped = sidecars_of(due).values_list("instance_id", flat=True) if due else ()
    mine = frozenset(names if names is not None else work.names)
    return Written(
        arrived=mine,
        stepped=mine & frozenset(stepped),
        revision=revision.current() if due and part == "ejection_mode" else 0,
    )


def _seen(part: Part, written: int, names: Sequence[str]) -> Seen:
    if part == "ejection_mode":
        return acked(written, names)
    return Seen(in_force=frozenset(names))


def _told(part: Part) -> int:
    """Sidecars that are told: the healer's mode is no sidecar's matter."""
    if part == "mode":
        return 0
    return Instance.objects.open().filter(source=Source.SIDECAR).count()


def _unseen(apps: Sequence[str], part: Part) -> list[str]:
    """An application without a sidecar has no wave, as nothing would judge it."""
    if not apps:
        return [
            f"Every application says its own {word_of(part)}: roll it out for one of them, or set "
            "the mesh's policy by hand."
        ]
    seen = set(sidecars_of(apps).values_list("application__name", flat=True))
    if seen:
        return []
    return [f"No instance of {', '.join(apps)} has a sidecar, so nothing could judge a wave."]


def _summary(
    application: str, part: Part, now: str, to: str, apps: Sequence[str], kept: Sequence[str]
) -> str:
    if application != MESH:
        return f"Bring {application} from {word_of(part)} {now} to {to}."
    told = f"Bring the mesh from {word_of(part)} {now} to {to}, by way of {len(apps)} applications."
    if kept:
        told += f" {len(kept)} keep what they say themselves, such as {min(kept)}."
    return told


def _approval(application: str, *, is_up: bool) -> str:
    if application == MESH:
        return "It concerns the whole mesh."
    if is_up:
        return "It lets healing do more than it may now."
    app = application_get(application)
    return f"{app.name} is critical." if app.tier == Tier.CRITICAL else ""
