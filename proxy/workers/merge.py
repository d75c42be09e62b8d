"""What a parent makes of what its workers tell: one sum of counters, of gauges, of traffic."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from proxy.failures import Failures
from proxy.flags import Flag
from proxy.links.ledger import Ledger
from proxy.listener import Listener
from proxy.member import Member
from proxy.windows import Windows
from proxy.workers.words import DoorSeen, EndpointSeen, GateSeen, Seen

POOL = "workers"
"""Under this name a member's pools hold what its workers' pools hold."""
Key = tuple[str, str, str]


class Elsewhere:
    """The connections that workers have to one member."""

    __slots__ = ("encrypted", "opened", "ready", "waiting")

    replacing = None

    def __init__(self) -> None:
        self.opened = 0
        self.encrypted = 0
        self.ready: Collection[int] = ()
        self.waiting: Collection[int] = ()

    def close_ready(self) -> None:
        """Each worker closes its own."""

    def sweep(self, now: float, looks: bool) -> None:
        """Each worker sweeps its own."""


class Merger:
    """Adds up; remembers of each worker only how things stand."""

    def __init__(
        self,
        listeners: Callable[[], Iterable[Listener]],
        windows: Windows,
        failures: Failures,
        ledger: Ledger,
    ) -> None:
        self._listeners = listeners
        self._windows = windows
        self._failures = failures
        self._ledger = ledger
        self._doors: dict[int, dict[str, tuple[int, int]]] = {}
        self._standing: dict[int, dict[Key, tuple[int, int, int, int, int]]] = {}

    def take(self, worker: int, seen: Seen) -> None:
        """Add what a worker has seen."""
        for window in seen.windows:
            self._windows.add(window)
        doors = {listener.name: listener for listener in self._listeners()}
        for door in seen.doors:
            if door.name in doors:
                self._door(worker, doors[door.name], door)
        if seen.endpoints:
            members = self._members()
            for endpoint in seen.endpoints:
                self._endpoint(worker, members, endpoint)
        if seen.gate is not None:
            self._gate(seen.gate)
        if seen.links is not None:
            self._ledger.take(worker, seen.links)
        for failure in seen.failures:
            self._failures.failed(failure)

    def forget(self, worker: int) -> None:
        """A worker is gone, and its connections with it; what it counted stays counted."""
        self._ledger.lost(worker)
        doors = self._doors.pop(worker, {})
        standing = self._standing.pop(worker, {})
        for listener in self._listeners():
            if listener.name in doors:
                listener.elsewhere = self._callers(listener.name)
        members = self._members()
        for key in standing:
            if key in members:
                self._stand(members[key], key)

    def connections(self, worker: int) -> int:
        """Callers' connections of one worker."""
        return sum(sum(pair) for pair in self._doors.get(worker, {}).values())

    def _members(self) -> dict[Key, Member]:
        return {
            (member.stats.service, member.endpoint.id, member.endpoint.addr): member
            for listener in self._listeners()
            for member in listener.members()
        }

    def _door(self, worker: int, listener: Listener, door: DoorSeen) -> None:
        self._doors.setdefault(worker, {})[door.name] = (door.plain, door.encrypted)
        listener.elsewhere = self._callers(door.name)
        listener.accepted += door.accepted
        listener.turned_away += door.turned_away
        listener.retries_refused += door.retries_refused
        for name, n in door.refusals.items():
            flag: Flag = name  # type: ignore[assignment] # it was one in the worker
            listener.refusals[flag] = listener.refusals.get(flag, 0) + n
        if listener.access_log is not None:
            listener.access_log.dropped += door.dropped

    def _gate(self, seen: GateSeen) -> None:
        gate = next((one.gate for one in self._listeners() if one.gate is not None), None)
        if gate is not None:
            gate.add(seen.refused, seen.denied, seen.sources)

    def _callers(self, door: str) -> tuple[int, int]:
        pairs = [doors[door] for doors in self._doors.values() if door in doors]
        return sum(plain for plain, _ in pairs), sum(encrypted for _, encrypted in pairs)

    def _endpoint(self, worker: int, members: dict[Key, Member], seen: EndpointSeen) -> None:
        key = (seen.service, seen.id, seen.addr)
        member = members.get(key)
        if member is None:
            return
        for name, n in seen.added.items():
            setattr(member.stats, name, getattr(member.stats, name) + n)
        if seen.median_seconds:  # each worker has its share of the same requests
            member.stats.median_seconds = seen.median_seconds
        standing = self._standing.setdefault(worker, {})
        standing[key] = (
            seen.in_flight,
            seen.opened,
            seen.idle,
            seen.waiting,
            seen.encrypted,
        )
        self._stand(member, key)

    def _stand(self, member: Member, key: Key) -> None:
        all_of_it = [each[key] for each in self._standing.values() if key in each]
        in_flight, opened, idle, waiting, encrypted = (
            [sum(column) for column in zip(*all_of_it, strict=True)] if all_of_it else [0] * 5
        )
        pool = member.pools.get(POOL)
        if not isinstance(pool, Elsewhere):
            pool = member.pools[POOL] = Elsewhere()
        member.stats.in_flight = in_flight
        pool.opened, pool.ready, pool.waiting = opened, range(idle), range(waiting)
        pool.encrypted = encrypted
