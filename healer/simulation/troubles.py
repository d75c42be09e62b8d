"""What happens to a mesh: faults alone and together, partitions, lies, clocks, and people."""

from __future__ import annotations

from collections.abc import Callable

from healer.policy.decision import Change
from healer.simulation.rows import Rows
from healer.simulation.world import UNITS, Instance, World

_PER_HOUR: dict[str, float] = {
    "single": 30, "flapping": 2, "correlated": 1, "partition": 1, "lies": 6, "clock": 2,
    "kill_switch": 1, "change": 2, "limited": 1, "calendar": 1, "maintenance": 1, "alarm": 1,
    "removal": 1,
}  # fmt: skip


KINDS = tuple(_PER_HOUR)


class Troubles:
    """Brings them about, by the world's own dice."""

    def __init__(self, world: World, rows: Rows) -> None:
        self._world = world
        self._rows = rows
        self._campaigns: list[tuple[float, set[str], set[str]]] = []
        """Until when which liars accuse whom."""
        self._kinds: dict[str, Callable[[], None]] = {
            "single": self._single,
            "flapping": self._flapping,
            "correlated": self._correlated,
            "partition": self._partition,
            "lies": self._lies,
            "clock": self._clock,
            "kill_switch": self._kill_switch,
            "change": self._change,
            "limited": self._limited,
            "calendar": self._calendar,
            "maintenance": self._maintenance,
            "alarm": self._alarm,
            "removal": self._removal,
        }

    def come(self, seconds: float) -> None:
        """Whatever happens within so many seconds."""
        for name, rate in _PER_HOUR.items():
            if self._world.rng.random() < rate * seconds / 3600:
                self.happen(name)

    def happen(self, kind: str) -> None:
        """One trouble of this kind, now; where it strikes is the world's dice."""
        self._kinds[kind]()

    def accused_by(self, liar: str) -> set[str]:
        """Whom a liar says to be failing just now."""
        self._campaigns = [one for one in self._campaigns if one[0] > self._world.t]
        return {name for _, liars, victims in self._campaigns if liar in liars for name in victims}

    def _any(self) -> Instance:
        rng = self._world.rng
        sore = [one for one in self._world.sore if not one.is_removed]
        return rng.choice(sore if sore and rng.random() < 0.2 else self._world.instances)

    def _minutes(self, least: float, most: float) -> float:
        return self._world.rng.uniform(least, most) * 60

    def _single(self) -> None:
        rng = self._world.rng
        lasts = None if rng.random() < 0.7 else self._minutes(0.5, 15)
        self._world.break_it(self._any(), rng.choice(("dead", "dead", "half")), lasts)

    def _flapping(self) -> None:
        self._any().flaps_until = self._world.t + self._minutes(5, 40)

    def _correlated(self) -> None:
        rng = self._world.rng
        share, lasts = rng.uniform(0.2, 1.0), self._minutes(3, 20)
        for one in self._world.apps[rng.choice(sorted(self._world.apps))]:
            if not one.is_removed and rng.random() < share:
                self._world.break_it(one, "dead", lasts)

    def _partition(self) -> None:
        pair = frozenset(self._world.rng.sample(UNITS, 2))
        self._world.partitions[pair] = self._world.t + self._minutes(1, 12)

    def _lies(self) -> None:
        """Together, so that they reach as much as they can: one victim, or half the mesh."""
        rng, world = self._world.rng, self._world
        if not world.liars:
            return
        many = rng.choice((1, 1, 1, 2, 8))
        victims = {one.name for one in rng.sample(world.instances, min(many, len(world.by_name)))}
        self._campaigns.append((world.t + self._minutes(5, 30), set(world.liars), victims))

    def _clock(self) -> None:
        self._world.set_clock(self._world.rng.uniform(-300, 300))

    def _kill_switch(self) -> None:
        app = self._world.rng.choice(("", *self._world.apps))
        self._rows.kill_switches[app] = self._world.t + self._minutes(1, 15)

    def _change(self) -> None:
        rng = self._world.rng
        app = rng.choice(("", *self._world.apps))
        change = Change(
            kind="rollout", ref=str(rng.randint(1, 99)), app=app, unit=rng.choice(UNITS)
        )
        self._rows.changes.append((self._world.now, change))

    def _limited(self) -> None:
        rng = self._world.rng
        app = rng.choice(sorted(self._world.apps))
        self._rows.limited[app] = (self._world.t + self._minutes(2, 10), rng.random())

    def _calendar(self) -> None:
        kind = self._world.rng.choice((self._rows.protected, self._rows.freezes))
        app = self._world.rng.choice(("", *self._world.apps))
        kind[app] = self._world.t + self._minutes(10, 60)

    def _maintenance(self) -> None:
        self._rows.maintenance[self._any().name] = self._world.t + self._minutes(5, 20)

    def _alarm(self) -> None:
        self._world.alarms[self._world.rng.choice(UNITS)] = self._world.t + self._minutes(2, 10)

    def _removal(self) -> None:
        self._rows.wish_removal(self._any(), "person-0", self._world.now)
