"""What sidecars tell the console: honest ones what they see, liars what their campaign asks."""

from __future__ import annotations

from collections import Counter

from healer.simulation.rows import Rows
from healer.simulation.troubles import Troubles
from healer.simulation.world import Instance, World

_SELF_INSTANCES, _SELF_SERVICES = 3, 2


class Sidecars:
    """All of them; whether they eject is up to each application that is called."""

    def __init__(self, world: World, rows: Rows, troubles: Troubles) -> None:
        self._world = world
        self._rows = rows
        self._troubles = troubles
        self._ejects = {app: world.rng.random() < 0.7 for app in world.apps}

    def tell(self) -> None:
        """One round of reports of everybody about everybody that may be failing."""
        lies = {liar: self._troubles.accused_by(liar) for liar in sorted(self._world.liars)}
        seen = self._seen(lies)
        self._tell_of_services(seen, lies)
        for subject, failing in seen.items():
            self._tell_of(self._world.by_name[subject], failing, lies)

    def _seen(self, lies: dict[str, set[str]]) -> dict[str, set[str]]:
        """By instance: honest callers whose requests fail; only those worth a look."""
        world, rows = self._world, self._rows
        worth = {one.name for one in world.instances if one.troubled_at >= world.t}
        worth = worth.union(*rows.accused.values())
        worth = worth.union(*lies.values())
        return {
            name: {
                caller.name
                for caller in world.callers[world.by_name[name].app]
                if caller.name not in lies
                and world.by_name[name].is_published
                and world.sees_failing(caller, world.by_name[name])
            }
            for name in sorted(worth)
        }

    def _tell_of_services(self, seen: dict[str, set[str]], lies: dict[str, set[str]]) -> None:
        """Who finds most of a service failing blames the service, and who finds half the mesh
        failing blames itself; neither says so of an instance."""
        world, rows = self._world, self._rows
        found: dict[str, Counter[str]] = {}
        for subject, failing in seen.items():
            for name in failing:
                found.setdefault(name, Counter())[world.by_name[subject].app] += 1
        for name, apps in found.items():
            if apps.total() >= _SELF_INSTANCES and len(apps) >= _SELF_SERVICES:
                rows.self_words[name] = world.now
                self._withdraw(seen, name, set(apps))
                continue
            for app, count in apps.items():
                if count >= 2 and 2 * count > len(world.apps[app]):
                    rows.service_words[app][name] = world.now
                    self._withdraw(seen, name, {app})

    def _withdraw(self, seen: dict[str, set[str]], name: str, apps: set[str]) -> None:
        for subject, failing in seen.items():
            if self._world.by_name[subject].app in apps:
                failing.discard(name)

    def _tell_of(self, subject: Instance, failing: set[str], lies: dict[str, set[str]]) -> None:
        said, ejects = self._rows.words[subject.name], self._ejects[subject.app]
        for caller in self._world.callers[subject.app]:
            name = caller.name
            is_failing = subject.name in lies[name] if name in lies else name in failing
            if is_failing or name in said:
                self._rows.say(name, subject, is_failing=is_failing, ejects=ejects)
