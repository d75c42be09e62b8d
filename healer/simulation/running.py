"""One seed from its first second to its last, and what came of it."""

from __future__ import annotations

from collections import Counter

import msgspec

from healer.policy.parameters import Mode, Policy
from healer.simulation.people import People
from healer.simulation.referee import Referee
from healer.simulation.reporting import Sidecars
from healer.simulation.rows import Case, Rows
from healer.simulation.scheduler import Schedulers
from healer.simulation.troubles import Troubles
from healer.simulation.world import World

HOURS = 2.0
_MODES: tuple[Mode, ...] = ("auto", "auto", "approve_all", "observe")
_PROBED = frozenset({"confirming", "gated", "awaiting_approval", "verifying"})


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one seed."""

    seed: int
    cases: int
    actions: int
    """That were begun, and how many of those without asking."""
    unasked: int
    decisions: int
    votes_refused: int
    doubled: int
    """Steps that had their effect more than once."""
    states: dict[str, int]
    """How its cases stand at the end."""
    violations: dict[str, int]
    named: list[str]


def run(
    seed: int, *, policy: Policy | None = None, hours: float = HOURS, is_locked: bool = True
) -> Result:
    """Simulate so many hours of one mesh; the same seed gives the same result."""
    world = World(seed)
    rows = Rows(world)
    rows.modes = {app: world.rng.choice(_MODES) for app in world.apps}
    troubles, referee = Troubles(world, rows), Referee(world, rows)
    sidecars, people = Sidecars(world, rows, troubles), People(world, rows)
    schedulers = Schedulers(world, rows, policy or Policy(), referee, is_locked=is_locked)
    while world.t < hours * 3600:
        step = world.rng.uniform(3, 9)
        world.pass_time(step)
        rows.expire()
        troubles.come(step)
        sidecars.tell()
        _look(world, rows)
        people.answer(step)
        schedulers.round()
        referee.looks()
    return Result(
        seed=seed,
        cases=len(rows.cases),
        actions=referee.begun,
        unasked=referee.unasked,
        decisions=schedulers.decisions,
        votes_refused=people.refused,
        doubled=sum(count > 1 for count in schedulers.effects.values()),
        states=dict(Counter(case.state for case in rows.cases.values())),
        violations=dict(referee.violations),
        named=referee.named,
    )


def _look(world: World, rows: Rows) -> None:
    """The healer probes what its cases ask for, and real traffic comes to who returns."""
    for case in rows.open.values():
        if case.state in _PROBED:
            is_ok = world.probe(case.instance)
            rows.probes[case.instance.name] = (world.now, is_ok)
            case.probes_ok = case.probes_ok + 1 if is_ok else 0
        elif case.state == "returning":
            _traffic(world, rows, case)


def _traffic(world: World, rows: Rows, case: Case) -> None:
    callers = world.callers[case.instance.app]
    case.requests += len(callers)
    failing = sum(world.sees_failing(caller, case.instance) for caller in callers)
    case.errors += failing
    case.has_relapsed = case.has_relapsed or 2 * rows.ejectors(case.instance) > len(callers)
