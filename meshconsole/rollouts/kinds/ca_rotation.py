"""Authority rotation: trust both, sign with the new one, trust the old one no more.

Each phase is a wave over the whole mesh, since trust is one thing for all, and each has to be in
force at every sidecar before the next: who does not trust the new root yet would refuse its leaves,
and who shows a leaf of the old one would be refused after it is dropped. Until then the way back is
the same in reverse; a generation that was retired is never trusted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from meshconsole.core.errors import Invalid
from meshconsole.encryption.models import Authority
from meshconsole.encryption.rotation import authority_add, authority_retire, authority_sign_with
from meshconsole.encryption.selectors import rotation_evidence
from meshconsole.encryption.states import IN_FORCE, AuthorityState
from meshconsole.inventory.models import Instance, InstanceQuerySet, Source
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
from meshconsole.rollouts.plan import Seat, soak_of
from meshconsole.rollouts.record import ENGINE

TRUST, SIGN, DROP = "trust both", "sign with new", "drop old"
PHASES = ((TRUST, 5.0), (SIGN, 30.0), (DROP, 30.0))
"""With their minutes of soak."""


class CaRotation:
    """Brings the next generation of the authority into force."""

    name = "ca_rotation"
    patience_seconds = 900.0
    """Leaves are renewed with some jitter, so that the authority is not stormed."""

    def gates(self, wave: Wave) -> Gates:
        """Traffic, handshakes and acks; nobody is left untouched to compare with."""
        judged = frozenset({"error_rate", "p99", "p50", "cut", "handshakes", "acks"})
        return Gates(metrics=judged, needed=judged)

    def checked(self, application: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing but the waits that every rollout has."""
        if application != MESH:
            raise Invalid("The authority is the whole mesh's: name no application.")
        checked: dict[str, Any] = msgspec.to_builtins(converted(spec, Spec))
        return checked

    def plan(self, rollout: Rollout) -> Draft:
        """Three phases over every sidecar."""
        scale = converted(rollout.spec, Spec).soak_scale
        seats = tuple(
            Seat(instance=name, application=app, unit=unit)
            for name, app, unit in _live().values_list(
                "instance_id", "application__name", "unit__name"
            )
        )
        return Draft(
            summary=f"Rotate the authority in three phases over {len(seats)} sidecars.",
            waves=tuple(
                WavePlan(
                    stage=phase,
                    share="all",
                    seats=seats,
                    goal={"phase": phase},
                    soak_seconds=soak_of(minutes, scale),
                )
                for phase, minutes in PHASES
                if seats
            ),
            affected_sidecars=len(seats),
            approval="It concerns the whole mesh.",
        )

    def precheck(self, rollout: Rollout, wave: Wave | None, now: datetime) -> list[str]:
        """A rotation that was begun by hand has to be ended by hand."""
        if wave is not None and wave.number > 1:
            return []
        in_force = list(Authority.objects.filter(state__in=IN_FORCE).order_by("generation"))
        if not in_force:
            return ["There is no authority yet: it is made when the first sidecar enrols."]
        idle = [row for row in in_force if row.state != AuthorityState.SIGNING]
        return [
            f"Generation {row} is trusted and does not sign: sign with it or retire it first."
            for row in idle
        ]

    def before(self, work: Work) -> Before:
        """Which generation signs."""
        return Before(wave={"signing": _signing()})

    def apply(self, work: Work) -> Written:
        """Write the phase, once its evidence is there."""
        phase, names = work.wave.goal["phase"], frozenset(work.names)
        if phase == TRUST:
            return self._add(work, names)
        new, old = self._generations(work)
        if phase == SIGN:
            if _signing() == new:
                return Written(arrived=names)
            evidence = rotation_evidence(new, work.now)
            if not evidence.is_known or evidence.not_trusting:
                return Written()
            authority_sign_with(new, trusted_by_all=True, now=work.now, actor=ENGINE)
            return Written(arrived=names, stepped=names)
        if _state(old) == AuthorityState.RETIRED:
            return Written(arrived=names)
        evidence = rotation_evidence(old, work.now)
        if not evidence.is_known or evidence.holding:
            return Written()
        authority_retire(old, unused=True, now=work.now, actor=ENGINE)
        return Written(arrived=names, stepped=names)

    def observe(self, work: Work) -> Seen:
        """By each sidecar's word: whom it trusts, and whose leaf it shows."""
        new, old = self._generations(work)
        phase = work.wave.goal["phase"]
        if not new:
            return Seen()
        if phase == TRUST:
            return _seen(work.names, new, work.now, trusting=True)
        if phase == SIGN:
            return _seen(work.names, old, work.now, holding=True)
        return _seen(work.names, old, work.now, trusting=False)

    def revert(self, works: Sequence[Work]) -> Written:
        """Sign with the old one again, and retire the new one when nobody shows a leaf of it."""
        names = frozenset(name for work in works for name in work.names)
        new, old = self._generations(works[0])
        if not new or _state(new) == AuthorityState.RETIRED:
            return Written(arrived=names)
        if _state(old) == AuthorityState.RETIRED:
            raise Halted(
                f"Generation {old} is retired and is never trusted again; nothing in use is of it."
            )
        now = works[0].now
        if _signing() == new:
            authority_sign_with(old, trusted_by_all=True, now=now, actor=ENGINE)
            return Written(stepped=names)
        evidence = rotation_evidence(new, now)
        if not evidence.is_known or evidence.holding:
            return Written(notes=dict.fromkeys(evidence.holding, "shows a leaf of the new one"))
        authority_retire(new, unused=True, now=now, actor=ENGINE)
        return Written(arrived=names, stepped=names)

    def undone(self, works: Sequence[Work]) -> Seen:
        """Nobody trusts the new one."""
        names = [name for work in works for name in work.names]
        new, _ = self._generations(works[0])
        if not new:
            return Seen(in_force=frozenset(names))
        if _state(new) != AuthorityState.RETIRED:
            return Seen()
        return _seen(names, new, works[0].now, trusting=False)

    def control(self, work: Work) -> list[str]:
        """Nobody: trust is everybody's."""
        return []

    def hindsight(self, rollout: Rollout, now: datetime) -> list[str]:
        """Nothing."""
        return []

    def done(self, rollout: Rollout, now: datetime) -> None:
        """Nothing: the last phase is all of it."""

    def _add(self, work: Work, names: frozenset[str]) -> Written:
        if self._generations(work)[0]:
            return Written(arrived=names)
        old = _signing()
        row = authority_add(now=work.now, actor=ENGINE, reason=f"rollout {work.rollout}")
        for wave in work.rollout.waves.all():
            wave.goal |= {"new": row.generation, "old": old}
            wave.save(update_fields=["goal"])
        work.wave.goal |= {"new": row.generation, "old": old}
        return Written(arrived=names, stepped=names)

    def _generations(self, work: Work) -> tuple[int, int]:
        """New and old; 0 before the first phase was written."""
        return work.wave.goal.get("new", 0), work.wave.goal.get("old", 0)


def _seen(
    names: Sequence[str],
    generation: int,
    now: datetime,
    *,
    trusting: bool = False,
    holding: bool = False,
) -> Seen:
    """Who trusts a generation, or does not, or shows no leaf of it any more."""
    evidence = rotation_evidence(generation, now)
    if not evidence.is_known:
        return Seen()
    live = set(_live().values_list("instance_id", flat=True))
    if holding:
        behind, why = set(evidence.holding), "shows a leaf of the old generation"
    elif trusting:
        behind, why = set(evidence.not_trusting), f"does not trust generation {generation} yet"
    else:
        behind, why = live - set(evidence.not_trusting), f"trusts generation {generation} still"
    return Seen(
        in_force=frozenset(names) - behind,
        acked=len(live - behind),
        expected=len(live),
        missing=dict.fromkeys(sorted(behind), why),
    )


def _live() -> InstanceQuerySet:
    return Instance.objects.open().filter(source=Source.SIDECAR).order_by("instance_id")


def _signing() -> int:
    row = Authority.objects.filter(state=AuthorityState.SIGNING).first()
    return row.generation if row else 0


def _state(generation: int) -> str:
    row = Authority.objects.filter(generation=generation).first()
    return row.state if row else ""
