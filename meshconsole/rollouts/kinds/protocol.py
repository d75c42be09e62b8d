"""What a kind of change has to be able to do, so that one engine puts all of them in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from django.conf import settings

from meshconsole.core.errors import FieldFault, Invalid
from meshconsole.rollouts.facts import MIN_REQUESTS
from meshconsole.rollouts.models import Rollout, Target, Wave
from meshconsole.rollouts.plan import Seat
from meshconsole.telemetry.links import Told


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every rollout may be asked for."""

    soak_scale: Annotated[float, msgspec.Meta(ge=0.001, le=10)] = 1.0
    """Of all waits: soaks, holds and the distance of rounds. Holds that callers need to follow are
    made shorter in a demo alone."""
    min_requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = MIN_REQUESTS
    """Of each side, before a gate of traffic says anything."""
    ask_approval: bool = False
    """Ask a second person even where policy does not."""


class WavePlan(msgspec.Struct, frozen=True, kw_only=True):
    """One wave before it is a row."""

    stage: str
    share: str
    seats: tuple[Seat, ...]
    goal: dict[str, Any]
    soak_seconds: float
    hold_seconds: float = 0.0


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout would do."""

    summary: str
    waves: tuple[WavePlan, ...]
    affected_sidecars: int
    """Sidecars that are told of it."""
    approval: str = ""
    """Why policy asks a second person; empty when it does not."""


@dataclass(frozen=True)
class Work:
    """A wave to work on, with the rollout that it is of."""

    rollout: Rollout
    wave: Wave
    targets: Sequence[Target]
    now: datetime
    told: Sequence[Told] | None = None
    """What sidecars say of their links, read once for the step; None while that is not known."""

    @property
    def names(self) -> list[str]:
        """The instances of the wave."""
        return [target.instance for target in self.targets]


@dataclass(frozen=True)
class Gates:
    """Gates that judge a wave, and those of them without which there is no verdict."""

    metrics: frozenset[str]
    needed: frozenset[str]


@dataclass(frozen=True)
class Before:
    """The way back: of the wave as a whole, or a word for each instance."""

    wave: dict[str, Any] = field(default_factory=dict)
    instances: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """What writing intent did. To write again what is written changes nothing."""

    arrived: frozenset[str] = frozenset()
    """Instances whose goal is written; the others need a further step later."""
    stepped: frozenset[str] = frozenset()
    """Those that something was written for just now."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What an instance is waited for, in a sentence."""
    revision: int = 0
    """Of the mesh, if something was written."""
    waits_until: datetime | None = None
    """It waits on purpose until then, and patience begins after that."""


@dataclass(frozen=True)
class Seen:
    """What is in force at sidecars, by their own word."""

    in_force: frozenset[str] = frozenset()
    """Instances of the wave that have it."""
    acked: int | None = None
    """Sidecars that have it, of all that are to; None is not known just now."""
    expected: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)
    """Those that have it not, and why in a sentence."""


class Halted(Exception):
    """The change cannot go on as planned; the sentence says why, and a person decides."""


class Waits(Exception):
    """Nothing is wrong and it is too early; the sentence says what is waited for."""

    def __init__(self, sentence: str, until: datetime) -> None:
        super().__init__(sentence)
        self.until = until


class Kind(Protocol):
    """One kind of change. Everything it writes goes through the services of its room."""

    name: str
    patience_seconds: float
    """How long a written wave may wait for its sidecars."""

    def gates(self, wave: Wave) -> Gates:
        """What judges a wave."""
        ...

    def checked(self, application: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The spec in its one form; raises Invalid."""
        ...

    def plan(self, rollout: Rollout) -> Draft:
        """The waves as the mesh is now."""
        ...

    def precheck(self, rollout: Rollout, wave: Wave | None, now: datetime) -> list[str]:
        """What forbids to begin, or to begin this wave, each as a sentence; raises Waits while
        what is in the way of a wave goes by itself."""
        ...

    def before(self, work: Work) -> Before:
        """What is in force now, before the wave: the way back."""
        ...

    def apply(self, work: Work) -> Written:
        """Write the goal, or the next safe step to it; raises Halted."""
        ...

    def observe(self, work: Work) -> Seen:
        """Who has the goal in force; raises Halted when it is not what is written any more."""
        ...

    def revert(self, works: Sequence[Work]) -> Written:
        """Write what was before, or the next safe step to it: works are in reverse order."""
        ...

    def undone(self, works: Sequence[Work]) -> Seen:
        """Who has what was before in force again."""
        ...

    def control(self, work: Work) -> list[str]:
        """Instances to compare with: alike, and not touched."""
        ...

    def hindsight(self, rollout: Rollout, now: datetime) -> list[str]:
        """What it would have done in the last days, each a sentence; none where nobody can say."""
        ...

    def done(self, rollout: Rollout, now: datetime) -> None:
        """What remains to be written once every wave has passed."""
        ...


S = TypeVar("S", bound=Spec)


def converted(raw: Mapping[str, Any], shape: type[S]) -> S:
    """A spec from outside; raises Invalid with the place of the first fault."""
    try:
        return msgspec.convert(dict(raw), shape)
    except msgspec.ValidationError as error:
        told, _, place = str(error).partition(" - at `$")
        pointer = "/spec" + place.rstrip("`").replace(".", "/").replace("[...]", "")
        sentence = f"The spec does not fit: {told[:1].lower()}{told[1:]}."
        raise Invalid(
            sentence, code="spec", errors=[FieldFault(pointer=pointer, detail=sentence)]
        ) from None


def safety_scale(spec: Spec) -> float:
    """Of waits that callers need to follow: haste makes them no shorter, save in a demo."""
    return spec.soak_scale if settings.MESH_DEMO else max(1.0, spec.soak_scale)


def untouched(work: Work) -> list[str]:
    """Instances that later waves of the same stage will reach."""
    later = Target.objects.filter(
        wave__rollout=work.rollout, wave__stage=work.wave.stage, wave__number__gt=work.wave.number
    )
    mine = set(work.names)
    names = later.order_by("pk").values_list("instance", flat=True)
    return [name for name in dict.fromkeys(names) if name not in mine]
