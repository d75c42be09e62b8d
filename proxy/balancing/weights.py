"""How much each member of a choice counts just now.

Slow start, as Envoy's with aggression 1: an endpoint that is new counts for a tenth at first and
then for the part of the window that has passed. When all are new, all count alike, which is no
ramp.

Locality, as Envoy's between priorities: the caller's own unit gets all requests while
1.4 x (own endpoints that can answer) / (own endpoints) is at least 1, else that part of them; the
rest goes to the others by their weights. Both in steps of a twentieth, so that rounds stay short
and change seldom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

STEPS = 20
FIRST_STEP = 2
"""A tenth."""
OVERPROVISIONING = 1.4
"""How many times over an own endpoint can do its work: Envoy's default."""


class Standing(NamedTuple):
    """What is known of a member when weights are made."""

    weight: int
    """Its own; 0 gets nothing."""
    new_since: float
    """When it came to serve, on the monotonic clock; 0.0 when it was there from the first."""
    is_local: bool
    """Is it in the caller's unit?"""
    is_resting: bool
    """Is it left alone, because it could not be reached?"""


def step_of(new_since: float, now: float, window_seconds: float) -> int:
    """How far a member has warmed up: from FIRST_STEP to STEPS."""
    if not new_since or window_seconds <= 0:
        return STEPS
    passed = int((now - new_since) / window_seconds * STEPS)
    return min(STEPS, max(FIRST_STEP, passed))


def warmed(standings: Sequence[Standing], now: float, window_seconds: float) -> tuple[int, ...]:
    """Weights in which those that are new count for less."""
    if not window_seconds:
        return tuple(one.weight for one in standings)
    return tuple(one.weight * step_of(one.new_since, now, window_seconds) for one in standings)


def local_steps(standings: Sequence[Standing]) -> int:
    """What the caller's own unit gets, in parts of STEPS; all of it when no other can answer."""
    own = [one for one in standings if one.is_local]
    others = any(_can_answer(one) for one in standings if not one.is_local)
    able = sum(_can_answer(one) for one in own)
    if not own:
        return 0
    if not others:
        return STEPS
    return int(min(1.0, OVERPROVISIONING * able / len(own)) * STEPS)


def preferring_own_unit(
    weights: Sequence[int], standings: Sequence[Standing], steps: int
) -> tuple[int, ...]:
    """The weights, in which the own unit together has `steps` of STEPS. Who rests keeps its weight
    among its neighbours: it is passed over as long as it rests."""
    own = sum(w for w, one in zip(weights, standings, strict=True) if one.is_local)
    rest = sum(weights) - own
    if not own or not rest:
        return tuple(weights)
    return tuple(
        weight * steps * rest if one.is_local else weight * (STEPS - steps) * own
        for weight, one in zip(weights, standings, strict=True)
    )


def _can_answer(one: Standing) -> bool:
    return one.weight > 0 and not one.is_resting
