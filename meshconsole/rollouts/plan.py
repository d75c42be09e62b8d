"""Waves are generated, not typed: a ladder of shares over the instances in a fixed order.

The ladder is 1 instance, 1%, 5%, 20%, 50%, 100% of the plan, at least one new instance each, over
environment -> unit -> application -> instance. No unit is taken whole before the 20% step, so what
breaks a whole unit has been seen in a part of it first. Steps that reach nobody new are left out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

LADDER: tuple[tuple[str, float, float], ...] = (
    ("1 instance", 0.0, 5.0),
    ("1%", 0.01, 10.0),
    ("5%", 0.05, 10.0),
    ("20%", 0.20, 15.0),
    ("50%", 0.50, 20.0),
    ("100%", 1.0, 30.0),
)
"""Name, share of the plan that is reached then, and minutes of soak."""
WHOLE_UNIT_SHARE = 0.20
SOAK_LEAST_SECONDS = 10.0
"""Traffic is told in buckets of so long: what soaks for less could not be judged."""
ENVIRONMENTS = ("dev", "development", "test", "qa", "staging", "stage", "pre", "preprod", "gray")
"""Those that come before production, in this order; any other name counts as production."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """An instance and where it stands."""

    instance: str
    application: str
    unit: str
    environment: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One wave before it is a row: which instances are new in it, and how long it soaks."""

    share: str
    instances: tuple[str, ...]
    soak_seconds: float


def ordered(seats: Iterable[Seat]) -> list[Seat]:
    """In the order in which they are reached."""

    def place(seat: Seat) -> tuple[int, str, str, str, str]:
        name = seat.environment.lower()
        rank = ENVIRONMENTS.index(name) if name in ENVIRONMENTS else len(ENVIRONMENTS)
        return rank, name if rank < len(ENVIRONMENTS) else "", seat.unit, seat.application, ""

    return sorted(seats, key=lambda seat: (*place(seat)[:4], seat.instance))


def ladder(seats: Iterable[Seat], *, soak_scale: float = 1.0) -> list[Step]:
    """The waves over these instances; soaks are in seconds, scaled. Nobody gives no waves."""
    waiting = ordered(seats)
    total = len(waiting)
    left = Counter(seat.unit for seat in waiting)
    steps: list[Step] = []
    reached = 0
    for share, part, minutes in LADDER:
        wanted = max(1, math.ceil(part * total - 1e-9)) - reached
        taken = _taken(waiting, wanted, left, may_take_whole_units=part >= WHOLE_UNIT_SHARE)
        if not taken:
            continue
        reached += len(taken)
        names = {seat.instance for seat in taken}
        waiting = [seat for seat in waiting if seat.instance not in names]
        steps.append(
            Step(
                share=share,
                instances=tuple(seat.instance for seat in taken),
                soak_seconds=soak_of(minutes, soak_scale),
            )
        )
    return steps


def parts(total: int) -> list[tuple[str, int, float]]:
    """The ladder over things that are taken whole: share, how many are new in it, and minutes.

    Who is reached last soaks longest, however few they are.
    """
    found = []
    reached = 0
    for share, part, minutes in LADDER:
        wanted = max(1, math.ceil(part * total - 1e-9))
        if reached < wanted < total:
            found.append((share, wanted - reached, minutes))
            reached = wanted
    share, _, minutes = LADDER[-1]
    return [*found, (share, total - reached, minutes)] if total else []


def soak_of(minutes: float, scale: float) -> float:
    """Seconds of a soak, scaled, and no less than can be judged."""
    return max(SOAK_LEAST_SECONDS, minutes * 60 * scale)


def _taken(
    waiting: list[Seat], wanted: int, left: Counter[str], *, may_take_whole_units: bool
) -> list[Seat]:
    taken: list[Seat] = []
    for seat in waiting:
        if len(taken) >= wanted:
            break
        if may_take_whole_units or left[seat.unit] > 1:
            left[seat.unit] -= 1
            taken.append(seat)
    return taken


class ShareStep(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of a change of shares: the split to put in force."""

    share: str
    split: dict[str, float]
    soak_seconds: float


def shares(
    before: Mapping[str, float], after: Mapping[str, float], *, soak_scale: float = 1.0
) -> list[ShareStep]:
    """From one split to another by 1%, 5%, 20%, 50%, 100% of the difference.

    Percents have two decimals and sum to 100 in every step; steps that change nothing are left out.
    """
    steps: list[ShareStep] = []
    last = _rounded({name: float(percent) for name, percent in before.items()}, before, after)
    for share, part, minutes in LADDER[1:]:
        names = sorted({*before, *after})
        exact = {
            name: before.get(name, 0.0) + part * (after.get(name, 0.0) - before.get(name, 0.0))
            for name in names
        }
        split = _rounded(exact, before, after)
        if part >= 1:
            split = {name: float(percent) for name, percent in sorted(after.items())}
        if _told(split) == _told(last):
            continue
        last = split
        steps.append(ShareStep(share=share, split=split, soak_seconds=soak_of(minutes, soak_scale)))
    return steps


def _rounded(
    exact: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float]
) -> dict[str, float]:
    """To hundredths of a percent, the rest going to the largest remainders."""
    cents = {name: math.floor(percent * 100 + 1e-9) for name, percent in exact.items()}
    rest = round(sum(exact.values()) * 100) - sum(cents.values())
    by_remainder = sorted(cents, key=lambda name: (cents[name] - exact[name] * 100, name))
    for name in by_remainder[: max(0, rest)]:
        cents[name] += 1
    named = {*before, *after}
    return {name: cents[name] / 100 for name in sorted(cents) if name in named}


def _told(split: Mapping[str, float]) -> dict[str, float]:
    return {name: percent for name, percent in split.items() if percent}
