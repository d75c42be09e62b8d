"""The truth: instances, who calls whom, what is broken, cut off or lying, and what time it is."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise

import msgspec

UNITS = ("u0", "u1", "u2")
HEALER_UNIT = "u0"
LIARS_SHARE = 0.3
_SIZES = (2, 3, 4, 6, 10, 12, 20, 24)
_WEIGHT_LEAST, _WEIGHT_MOST = 0.6, 1.4
"""So that 30% of the callers never carry more than half of the traffic."""


class Instance(msgspec.Struct, kw_only=True):
    """One running instance and what is true of it."""

    name: str
    app: str
    unit: str
    kind: str = ""
    """What ails it: `dead` or `half`; empty is nothing."""
    ends_at: float | None = None
    """When its fault ends by itself, in true seconds."""
    flaps_until: float = 0.0
    stubborn: int = 0
    """Rungs below this one do not mend it."""
    is_published: bool = True
    is_removed: bool = False
    troubled_at: float = -1e9
    """When it was last broken or cut off from a caller, in true seconds."""


class World:
    """One mesh with its troubles; `now` is the machine's clock, which may be wrong and may jump."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.t = 0.0
        self.offset = 1_000_000.0
        self.leaps: list[tuple[float, float]] = []
        """When the clock was set forward, in true seconds, and by how much."""
        self.apps: dict[str, list[Instance]] = {}
        self.by_name: dict[str, Instance] = {}
        self.callers: dict[str, list[Instance]] = {}
        self.weights: dict[str, dict[str, float]] = {}
        self.liars: set[str] = set()
        self.critical: set[str] = set()
        self.partitions: dict[frozenset[str], float] = {}
        self.alarms: dict[str, float] = {}
        self.sore: list[Instance] = []
        """What breaks again and again."""
        self._build()

    @property
    def now(self) -> float:
        """Epoch seconds by the machine's clock."""
        return self.t + self.offset

    @property
    def instances(self) -> list[Instance]:
        """All that have not been removed."""
        return [one for one in self.by_name.values() if not one.is_removed]

    def sees_failing(self, caller: Instance, subject: Instance) -> bool:
        """Would a request of this caller fail now?"""
        if self.is_cut(caller.unit, subject.unit):
            return True
        return subject.kind == "dead" or (subject.kind == "half" and self.rng.random() < 0.8)

    def is_cut(self, one: str, other: str) -> bool:
        """Is there a partition between two units?"""
        return one != other and frozenset((one, other)) in self.partitions

    def is_well(self, subject: Instance) -> bool:
        """Does it answer whoever reaches it?"""
        return not subject.kind and not subject.is_removed

    def probe(self, subject: Instance) -> bool:
        """What the healer finds; half of the answers of one that half fails are good."""
        if self.is_cut(HEALER_UNIT, subject.unit):
            return False
        return self.is_well(subject) or (subject.kind == "half" and self.rng.random() < 0.5)

    def break_it(self, subject: Instance, kind: str, seconds: float | None) -> None:
        """From now on it fails, for so long or until it is mended."""
        subject.kind = kind
        subject.ends_at = None if seconds is None else self.t + seconds
        subject.stubborn = self.rng.choice((2, 2, 2, 2, 3, 4))

    def act(self, subject: Instance, rung: int) -> None:
        """What an actuator does to it."""
        if rung == 4:
            subject.is_removed = True
            subject.is_published = False
        elif rung >= subject.stubborn and subject.flaps_until <= self.t:
            subject.kind, subject.ends_at = "", None

    def set_clock(self, seconds: float) -> None:
        """Somebody sets the machine's clock forward, or back."""
        self.offset += seconds
        if seconds > 0:
            self.leaps.append((self.t, seconds))

    def pass_time(self, seconds: float) -> None:
        """Faults end, flap and are remembered."""
        self.t += seconds
        for pair in [pair for pair, until in self.partitions.items() if until <= self.t]:
            del self.partitions[pair]
        for unit in [unit for unit, until in self.alarms.items() if until <= self.t]:
            del self.alarms[unit]
        for one in self.by_name.values():
            if one.flaps_until > self.t and self.rng.random() < 0.3:
                one.kind = "" if one.kind else "dead"
            if one.ends_at is not None and one.ends_at <= self.t:
                one.kind, one.ends_at = "", None
            if one.kind or one.is_removed or (self.partitions and self._is_cut_off(one)):
                one.troubled_at = self.t

    def _is_cut_off(self, subject: Instance) -> bool:
        """From a caller, or from the healer."""
        units = {HEALER_UNIT, *(caller.unit for caller in self.callers[subject.app])}
        return any(self.is_cut(subject.unit, unit) for unit in units)

    def _build(self) -> None:
        count = self.rng.randint(4, 6)
        for at in range(count):
            app = f"app{at}"
            units = self.rng.sample(UNITS, self.rng.randint(1, len(UNITS)))
            self.apps[app] = [
                Instance(name=f"{app}-{n}", app=app, unit=units[n % len(units)])
                for n in range(self.rng.choice(_SIZES))
            ]
            self.by_name |= {one.name: one for one in self.apps[app]}
            if self.rng.random() < 0.2:
                self.critical.add(app)
        names = list(self.apps)
        calls: dict[str, set[str]] = defaultdict(set)
        for caller, callee in pairwise([names[-1], *names]):
            calls[callee].add(caller)
        for callee in names:
            others = [name for name in names if name != callee]
            calls[callee] |= set(self.rng.sample(others, self.rng.randint(0, 2)))
        for callee, apps in calls.items():
            self.callers[callee] = [one for app in sorted(apps) for one in self.apps[app]]
            raw = {
                one.name: self.rng.uniform(_WEIGHT_LEAST, _WEIGHT_MOST)
                for one in self.callers[callee]
            }
            total = sum(raw.values())
            self.weights[callee] = {name: share / total for name, share in raw.items()}
        self.sore = self.rng.sample(list(self.by_name.values()), 3)
        self._corrupt()

    def _corrupt(self) -> None:
        """Some lie: at most 30% of each service's callers."""
        share = self.rng.choice((0.0, 0.1, LIARS_SHARE))
        for one in self.rng.sample(sorted(self.by_name), int(share * len(self.by_name))):
            if all(self._is_few(app, {*self.liars, one}) for app in self.apps):
                self.liars.add(one)

    def _is_few(self, app: str, liars: set[str]) -> bool:
        callers = self.callers[app]
        return sum(caller.name in liars for caller in callers) <= LIARS_SHARE * len(callers)
