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


class Simulation:
    """One mesh with everybody who tells, asks, decides and answers."""

    def __init__(self, seed: int, policy: Policy | None = None, *, is_locked: bool = True) -> None:
        self.world = World(seed)
        self.rows = Rows(self.world)
        self.rows.modes = {app: self.world.rng.choice(_MODES) for app in self.world.apps}
        self.troubles = Troubles(self.world, self.rows)
        self.referee = Referee(self.world, self.rows)
        self.people = People(self.world, self.rows)
        self.schedulers = Schedulers(
            self.world, self.rows, policy or Policy(), self.referee, is_locked=is_locked
        )
        self._sidecars = Sidecars(self.world, self.rows, self.troubles)

    def step(self, seconds: float) -> None:
        """So much time passes, and everybody has a turn."""
        self.world.pass_time(seconds)
        self.rows.expire()
        self._sidecars.tell()
        _look(self.world, self.rows)
        self.people.answer(seconds)
        self.schedulers.round()
        self.referee.looks()


def run(
    seed: int, *, policy: Policy | None = None, hours: float = HOURS, is_locked: bool = True
) -> Result:
    """Simulate so many hours of one mesh; the same seed gives the same result."""
    simulation = Simulation(seed, policy, is_locked=is_locked)
    world, rows, referee = simulation.world, simulation.rows, simulation.referee
    while world.t < hours * 3600:
        seconds = world.rng.uniform(3, 9)
        simulation.troubles.come(seconds)
        simulation.step(seconds)
    return Result(
        seed=seed,
        cases=len(rows.cases),
        actions=referee.begun,
        unasked=referee.unasked,
        decisions=simulation.schedulers.decisions,
        votes_refused=simulation.people.refused,
        doubled=sum(count > 1 for count in simulation.schedulers.effects.values()),
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
