"""The snapshot in force: one immutable table, replaced by one assignment.

Readers never lock. A request takes `current.table` once and keeps it, so it sees exactly one
version. What lives longer than a table (an endpoint's connections and counters, a balancer's turn)
is carried from one table to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic, time

from proxy.choice import Choice, Target
from proxy.contract.digest import digest_of
from proxy.contract.snapshot import Service, Snapshot
from proxy.member import EndpointStats, Member

__all__ = ["Choice", "Current", "EndpointStats", "Member", "Table", "Target"]

Members = dict[tuple[str, str, str], Member]
"""By service, endpoint id and address."""


class Table:
    """One snapshot made ready to serve."""

    __slots__ = ("_changing", "digest", "members", "snapshot", "targets", "v")

    def __init__(self, snapshot: Snapshot, v: int, digest: str) -> None:
        self.snapshot = snapshot
        self.v = v
        self.digest = digest
        self.members: Members = {}
        self.targets: dict[str, Target] = {}
        self._changing: list[Choice] = []
        """Choices whose shares may be others a moment later."""

    def fill(self, before: Table, unit: str, caller: str, now: float) -> None:
        """Make ready what the snapshot says, with what lives on from the table before."""
        for name, service in self.snapshot.service.items():
            known = before.targets.get(name)
            members = self._members(name, service, before, now if known else 0.0)
            route = self.snapshot.route.get(name)
            rule = route.rules[0] if route and route.rules else None
            terms = self.snapshot.healing.get(name)
            target = Target(service, members, rule, unit=unit, caller=caller, now=now, terms=terms)
            if known is not None:
                target.continue_from(known)
            self.targets[name] = target
            self._changing += [one for one in target.every_choice() if one.arrange(now)]

    def adjust(self, now: float) -> None:
        """Give those their new shares that warm up, or whose unit has lost or won endpoints."""
        if self._changing:
            self._changing = [choice for choice in self._changing if choice.arrange(now)]

    def reshare(self, service: str, now: float) -> None:
        """Endpoints of this service were ejected, or return."""
        for choice in self.targets[service].every_choice():
            if choice.arrange(now) and choice not in self._changing:
                self._changing.append(choice)

    def endpoint_stats(self) -> Iterator[EndpointStats]:
        """The counters of every endpoint in force."""
        return (member.stats for member in self.members.values())

    def _members(
        self, name: str, service: Service, before: Table, new_since: float
    ) -> tuple[Member, ...]:
        members = []
        for endpoint in service.endpoints:
            key = (name, endpoint.id, endpoint.addr)
            member = before.members.get(key)
            if member is None:
                member = Member(service, endpoint, new_since)
            elif endpoint.weight and not member.endpoint.weight:
                member.new_since = new_since
            self.members[key] = member
            members.append(member)
        return tuple(members)


class Current:
    """Holds the table in force. Only the event loop's thread swaps it."""

    def __init__(self, unit: str = "", caller: str = "") -> None:
        self.unit = unit
        """The unit of who holds it: its endpoints are preferred where a service says so."""
        self.caller = caller
        """The instance that calls, for services that hash on it."""
        self.applied_at = 0.0
        """When the table came in force, in Unix time; 0 before the first."""
        self.table = Table(Snapshot(), 0, "")
        self._watchers: list[Callable[[], None]] = []

    def watch(self, swapped: Callable[[], None]) -> None:
        """Call this after each swap."""
        self._watchers.append(swapped)

    @property
    def snapshot(self) -> Snapshot:
        """What the console said."""
        return self.table.snapshot

    @property
    def v(self) -> int:
        """Its revision; 0 before the first."""
        return self.table.v

    @property
    def digest(self) -> str:
        """Its digest; empty before the first."""
        return self.table.digest

    def swap(self, snapshot: Snapshot, v: int, digest: str = "", now: float | None = None) -> None:
        """Put a checked snapshot in force at once; `digest` is the console's, if it said one.

        Requests in flight end on the table they began with. Endpoints that stay keep their
        connections; those of endpoints that go close as they fall idle. `now` is the monotonic
        clock's, unless somebody says another.
        """
        old = self.table
        table = Table(snapshot, v, digest or digest_of(snapshot))
        table.fill(old, self.unit, self.caller, monotonic() if now is None else now)
        for name, target in table.targets.items():
            for endpoint in target.service.endpoints:
                table.members[name, endpoint.id, endpoint.addr].update(target.service, endpoint)
        self.table = table
        self.applied_at = time()
        for key in old.members.keys() - table.members.keys():
            old.members[key].retire()
        for swapped in self._watchers:
            swapped()
