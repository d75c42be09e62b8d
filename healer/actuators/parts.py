"""Actuators of things with names: the same four calls over anything that can look, start and stop.

Each thing has a mark that changes with every start of it. A restart is done when the mark is no
longer what it was before the step and the thing is up; so it can be asked at any time, by anybody,
whether an order had its effect, without the thing keeping a key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from healer.actuators.names import order_check, parts_of
from healer.actuators.protocol import (
    ACTIONS,
    Action,
    ActuatorError,
    AmbiguousResult,
    Check,
    Finding,
    NotNow,
    Order,
    PlanText,
    Refused,
    Status,
    Target,
    finding,
)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as it is now."""

    is_up: bool
    words: str
    """Its state as it says it itself."""
    mark: str = ""
    """Other after each start; empty tells nothing."""
    started_at: float = 0.0
    """Unix seconds, 0 when it is not known."""
    is_changing: bool = False
    """It is being started or stopped just now."""
    is_gone: bool = False
    """No such thing is there any more."""


class Place(Protocol):
    """Where the things are. Calls raise ActuatorErrors."""

    def look(self, name: str, seconds: float) -> Seen:
        """What is there of that name; raises Refused when the name means nothing."""

    def restart(self, name: str, seconds: float) -> None:
        """Stop it if it is up, and start it."""

    def stop(self, name: str, seconds: float) -> None:
        """Stop it for good."""

    def steps(self, name: str, *, is_removal: bool) -> tuple[str, ...]:
        """What one of the two would send, in words."""

    def checks(self, seconds: float) -> tuple[Check, ...]:
        """Whether the place can be reached and lets us."""


class PartsActuator:
    """The four calls over a place."""

    def __init__(
        self, name: str, place_of: Callable[[Target], Place], *, process: str, sidecar: str | None
    ) -> None:
        self.name = name
        self._place_of = place_of
        self._process = process
        self._sidecar = sidecar

    @property
    def actions(self) -> frozenset[Action]:
        """All, but no restart of a sidecar that has no name."""
        found = set(ACTIONS)
        if self._sidecar is None:
            found.discard("restart_sidecar")
        return frozenset(found)

    def plan(self, order: Order) -> PlanText:
        """What would be sent for each part."""
        is_removal = order.action == "remove"
        names, place = self._names(order), self._place_of(order.target)
        steps = [step for name in names for step in place.steps(name, is_removal=is_removal)]
        verb = "Stop for good" if is_removal else "Restart"
        summary = f"{verb} {' and '.join(names)} of {order.target.instance}."
        if is_removal:
            summary += " Nothing here makes a replacement: a person is asked for one."
        return PlanText(summary=summary, steps=tuple(steps))

    def dry_run(self, order: Order) -> Finding:
        """Look at the place and at each part."""
        names, ends = self._names(order), _ends(order)
        try:
            place = self._place_of(order.target)
            checks = list(place.checks(_left(ends)))
        except ActuatorError as error:
            return finding((Check(self.name, False, str(error)),))
        marks = {}
        for name in names:
            try:
                seen = place.look(name, _left(ends))
            except ActuatorError as error:
                checks.append(Check(name, False, str(error)))
                continue
            if not seen.is_gone:
                marks[name] = seen.mark
            is_there = not seen.is_gone
            checks.append(Check(name, is_there, f"{name} is {seen.words}."))
        return finding(tuple(checks), before=msgspec.json.encode(marks).decode())

    def execute(self, order: Order) -> Status:
        """Restart or stop each part that has not been since the step was decided."""
        names, ends, place = self._names(order), _ends(order), self._place_of(order.target)
        for name in names:
            seen = place.look(name, _left(ends))
            if self._verdict(order, name, seen) != "unknown":
                continue
            if order.action == "remove":
                place.stop(name, _left(ends))
            elif seen.is_gone:
                raise Refused(f"{name} is not there any more: propose a removal instead.")
            else:
                place.restart(name, _left(ends))
        return self.status(order)

    def status(self, order: Order) -> Status:
        """Compare each part with what it was before."""
        names, ends, place = self._names(order), _ends(order), self._place_of(order.target)
        seen = {name: place.look(name, _left(ends)) for name in names}
        verdicts = {name: self._verdict(order, name, each) for name, each in seen.items()}
        state = next(
            (each for each in ("failed", "running", "unknown") if each in verdicts.values()), "done"
        )
        detail = "; ".join(f"{name} is {each.words}" for name, each in seen.items())
        return Status(
            state=state,  # type: ignore[arg-type]
            detail=f"{detail}.",
            evidence={name: each.mark for name, each in seen.items() if each.mark},
            replacement="needed" if order.action == "remove" and state == "done" else "",
        )

    def _names(self, order: Order) -> tuple[str, ...]:
        order_check(order, self.actions)
        return parts_of(order, process=self._process, sidecar=self._sidecar)

    def _verdict(self, order: Order, name: str, seen: Seen) -> str:
        if seen.is_changing:
            return "running"
        if order.action == "remove":
            if seen.is_gone and name not in _before(order):
                raise Refused(f"{name} was never there: check the names in the settings.")
            return "unknown" if seen.is_up else "done"
        if not self._is_new(order, name, seen):
            return "unknown"
        return "done" if seen.is_up else "failed"

    def _is_new(self, order: Order, name: str, seen: Seen) -> bool:
        """Was it started since the step was decided?"""
        before = _before(order)
        if name in before and seen.mark:
            return before[name] != seen.mark
        if not seen.mark and not seen.is_up:
            return False
        if order.ordered_at and seen.started_at:
            return seen.started_at > order.ordered_at
        raise AmbiguousResult(
            f"Whether {name} was restarted cannot be told: nothing was noted of it before the "
            "step. Look at it and decide by hand."
        )


def _before(order: Order) -> dict[str, str]:
    try:
        return msgspec.json.decode(order.before or "{}", type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def _ends(order: Order) -> float:
    return time.monotonic() + order.deadline_seconds


def _left(ends: float) -> float:
    """What is left of the time; raises NotNow when it is over, before anything more is sent."""
    left = ends - time.monotonic()
    if left <= 0:
        raise NotNow("The order's time was over before all of it was done: give it again.")
    return left
