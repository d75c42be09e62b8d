"""What the console knows: words of reporters, cases, approvals, and what people have set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from healer.policy.decision import Change, Plan
from healer.policy.facts import ProbeFact
from healer.policy.parameters import Mode
from healer.simulation.world import Instance, World
from meshconsole.healing.cases.states import COUNTED, OPEN, CaseState
from meshconsole.healing.cases.voting import Ballot, Question

OPEN_STATES = frozenset(str(state) for state in OPEN)
COUNTED_STATES = frozenset(str(state) for state in COUNTED)


_CLOCK_SECONDS = 3600.0
"""A clock that is set may make what is as old as this look new, and nothing older."""


class Said(msgspec.Struct, kw_only=True):
    """The newest word of one reporter on one instance: that it fails."""

    at: float
    has_ejected: bool


class Case(msgspec.Struct, kw_only=True):
    """One row; whoever moves it wins its version."""

    id: int
    instance: Instance
    state: str
    version: int = 1
    since: float
    opened_at: float
    opened_true: float
    """In true seconds, for the referee."""
    due_at: float
    rung: int = 0
    rounds: int = 0
    plan: Plan | None = None
    asked_by: str = ""
    step: int = 0
    step_state: str = ""
    lease_until: float = 0.0
    requests: int = 0
    errors: int = 0
    probes_ok: int = 0
    has_relapsed: bool = False

    @property
    def is_open(self) -> bool:
        """Does it still own its instance?"""
        return self.state in OPEN_STATES


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An action that an actuator began, by the machine's clock and in true seconds."""

    at: float
    true_at: float
    instance: str
    rung: int


class Rows:
    """All of it, and the few things that are done to it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.cases: dict[int, Case] = {}
        self.open: dict[str, Case] = {}
        """By instance: one at most."""
        self.words: dict[str, dict[str, Said]] = defaultdict(dict)
        """By instance and reporter; who takes its word back says nothing any more."""
        self.accused: dict[str, set[str]] = defaultdict(set)
        """By reporter: whom its newest words call failing."""
        self.service_words: dict[str, dict[str, float]] = defaultdict(dict)
        self.self_words: dict[str, float] = {}
        self.probes: dict[str, tuple[float, bool]] = {}
        self.approvals: dict[int, Question] = {}
        """The latest of each case."""
        self.votes: dict[int, list[Ballot]] = defaultdict(list)
        self.done: list[Done] = []
        self.kill_switches: dict[str, float] = {}
        self.lifted_at: float | None = None
        self.protected: dict[str, float] = {}
        self.freezes: dict[str, float] = {}
        self.limited: dict[str, tuple[float, float]] = {}
        self.maintenance: dict[str, float] = {}
        """These until when, in true seconds."""
        self.changes: list[tuple[float, Change]] = []
        """With the time, by the machine's clock."""
        self.modes: dict[str, Mode] = {}

    def say(self, reporter: str, subject: Instance, *, is_failing: bool, ejects: bool) -> None:
        """Keep a word; the first that one fails opens its case."""
        now = self._world.now
        if not is_failing:
            self.words[subject.name].pop(reporter, None)
            self.accused[reporter].discard(subject.name)
            return
        self.words[subject.name][reporter] = Said(at=now, has_ejected=ejects)
        self.accused[reporter].add(subject.name)
        if subject.name not in self.open and not subject.is_removed:
            self.open_case(subject, now)

    def open_case(self, subject: Instance, now: float) -> Case:
        """A case of this instance that is open, a new one if it has none."""
        if subject.name not in self.open:
            case = Case(
                id=len(self.cases) + 1,
                instance=subject,
                state=CaseState.OBSERVED.value,
                since=now,
                opened_at=now,
                opened_true=self._world.t,
                due_at=now,
            )
            self.cases[case.id] = self.open[subject.name] = case
        return self.open[subject.name]

    def wish_removal(self, subject: Instance, person: str, now: float) -> None:
        """A person wants it gone: from where that may be asked."""
        case = self.open_case(subject, now)
        if case.state in ("observed", "cooling", "confirming", "escalated", "service_incident"):
            case.asked_by, case.state, case.since = person, CaseState.GATED.value, now
            case.version, case.due_at = case.version + 1, now

    def counted(self) -> Iterator[Case]:
        """Cases that use up budget."""
        return (case for case in self.open.values() if case.state in COUNTED_STATES)

    def opened_since(self, at: float) -> Iterator[Case]:
        """Cases that were opened later than that, by the machine's clock; the newest first."""
        long_ago = self._world.t - _CLOCK_SECONDS
        for case in reversed(self.cases.values()):
            if case.opened_true < long_ago:
                break
            if case.opened_at > at:
                yield case

    def ejectors(self, subject: Instance) -> int:
        """Callers that have ejected it."""
        words = self.words.get(subject.name)
        return sum(word.has_ejected for word in words.values()) if words else 0

    def serves(self, subject: Instance) -> bool:
        """Published, and not ejected by half of its callers."""
        callers = len(self._world.callers[subject.app])
        return subject.is_published and 2 * self.ejectors(subject) < max(1, callers)

    def probe_of(self, subject: Instance) -> ProbeFact | None:
        """The healer's last look at it."""
        found = self.probes.get(subject.name)
        if found is None:
            return None
        at, is_ok = found
        return ProbeFact(is_ok=is_ok, age_seconds=max(0.0, self._world.now - at))

    def expire(self) -> None:
        """What people set for a time ends."""
        t = self._world.t
        timed = (self.protected, self.freezes, self.maintenance)
        for kept in timed:
            for name in [name for name, until in kept.items() if until <= t]:
                del kept[name]
        for name in [name for name, (until, _) in self.limited.items() if until <= t]:
            del self.limited[name]
        for name in [name for name, until in self.kill_switches.items() if until <= t]:
            del self.kill_switches[name]
            self.lifted_at = self._world.now
