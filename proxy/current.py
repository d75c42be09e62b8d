"""The snapshot in force: one immutable table, replaced by one assignment.

Readers never lock. A request takes `current.table` once and keeps it, so it sees exactly one
version. What lives longer than a table (an endpoint's connections and counters, a balancer's turn)
is carried from one table to the next.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sized
from math import gcd
from typing import Protocol

from proxy.budget import RetryBudget
from proxy.contract.digest import digest_of
from proxy.contract.reports import ErrorClass
from proxy.contract.snapshot import Endpoint, Rule, Service, Snapshot
from proxy.interfaces import interfaces_of
from proxy.windows import Counts

SCHEDULE_LIMIT = 1000
"""Turns in one round of a weighted round robin; finer weights are rounded."""
IDLE_LIMIT_SECONDS = 60.0
"""Shorter than a sidecar keeps a caller's idle connection (75 s), so a pooled one is never closed
by its server just as a request starts on it."""


class MemberPool(Protocol):
    """The connections of one protocol to a member (`proxy.pools.Pool`)."""

    opened: int
    """Connections open or being opened."""

    @property
    def ready(self) -> Sized:
        """Connections with room for a request."""

    @property
    def waiting(self) -> Sized:
        """Exchanges that wait for one."""

    def close_ready(self) -> None:
        """Close what is idle now, and what has room when it is done."""


class EndpointStats:
    """What this sidecar has seen of one endpoint since it first knew it; numbers only grow."""

    __slots__ = (
        "answered", "attempts", "connect", "endpoint", "in_flight", "protocol", "server_error",
        "service", "timeout",
    )  # fmt: skip

    def __init__(self, service: str, endpoint: Endpoint) -> None:
        self.service = service
        self.endpoint = endpoint
        self.attempts = 0
        """Requests sent or meant to be sent there; a retry is one more."""
        self.answered = 0
        """Whole answers with a status under 500."""
        self.connect = 0
        self.timeout = 0
        self.server_error = 0
        self.protocol = 0
        self.in_flight = 0
        """Attempts not yet over; the only number that also falls."""

    def fail(self, error: ErrorClass) -> None:
        """Count a failed attempt."""
        if error == "connect":
            self.connect += 1
        elif error == "timeout":
            self.timeout += 1
        elif error == "5xx":
            self.server_error += 1
        else:
            self.protocol += 1

    def errors(self) -> dict[ErrorClass, int]:
        """Failed attempts by class."""
        return {
            "connect": self.connect,
            "timeout": self.timeout,
            "5xx": self.server_error,
            "protocol": self.protocol,
        }


class Member:
    """An endpoint in force: its counters and its pool, kept while its id and address stay."""

    __slots__ = (
        "connect_seconds", "counts", "endpoint", "host", "idle_seconds", "pools", "port",
        "protocol", "retired", "stats",
    )  # fmt: skip

    def __init__(self, service: Service, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        host, _, port = endpoint.addr.rpartition(":")
        self.host = host.removeprefix("[").removesuffix("]")
        self.port = int(port)
        self.stats = EndpointStats(service.name, endpoint)
        self.connect_seconds = service.connect_timeout_seconds
        self.idle_seconds = min(service.idle_timeout_seconds, IDLE_LIMIT_SECONDS)
        """How long a connection may wait for its next request."""
        self.counts: dict[tuple[str, bool], Counts] = {}
        """Windows' counts by interface and encryption: a lookup saved on each request."""
        self.pools: dict[str, MemberPool] = {}
        """By protocol."""
        self.protocol = _spoken(service)
        self.retired = False
        """No longer in force: connections in use close when their request is over."""

    def update(self, service: Service, endpoint: Endpoint) -> None:
        """The same instance with another group, weight or patience."""
        self.connect_seconds = service.connect_timeout_seconds
        self.idle_seconds = min(service.idle_timeout_seconds, IDLE_LIMIT_SECONDS)
        self.protocol = _spoken(service)
        if endpoint != self.endpoint:
            self.endpoint = self.stats.endpoint = endpoint
            self.counts = {}

    def retire(self) -> None:
        """Leave force: what is idle closes now, what is in use when it is done."""
        self.retired = True
        for pool in self.pools.values():
            pool.close_ready()

    @property
    def opened(self) -> int:
        """Connections open or being opened."""
        return sum(pool.opened for pool in self.pools.values())

    @property
    def idle(self) -> int:
        """Connections with room for a request."""
        return sum(len(pool.ready) for pool in self.pools.values())

    @property
    def waiting(self) -> int:
        """Requests that wait for a connection."""
        return sum(len(pool.waiting) for pool in self.pools.values())


class Choice:
    """The members one decision may pick from, and whose turn it is."""

    __slots__ = ("group", "members", "schedule", "target", "turn")

    def __init__(
        self, target: Target, group: str, members: tuple[Member, ...], weights: tuple[int, ...]
    ) -> None:
        self.target = target
        self.group = group
        self.members = members
        self.schedule = schedule(members, weights)
        """Members in the order of their turns; one of weight 2 comes twice; weight 0 never."""
        self.turn = random.randrange(max(1, len(self.schedule)))  # noqa: S311


class Target:
    """One application that may be called, with everything a request to it needs."""

    __slots__ = ("budget", "choices", "everyone", "interfaces", "rule", "service")

    def __init__(self, service: Service, members: tuple[Member, ...], rule: Rule | None) -> None:
        self.service = service
        self.budget = RetryBudget()
        self.rule = rule
        """The first rule of its route; without conditions, the first holds for every request."""
        self.interfaces = interfaces_of(service.interfaces)
        weights = tuple(endpoint.weight for endpoint in service.endpoints)
        self.everyone = Choice(self, "", members, weights)
        self.choices: dict[str, Choice] = {}
        for group in service.groups:
            at = [i for i, endpoint in enumerate(service.endpoints) if endpoint.group == group]
            self.choices[group] = Choice(
                self, group, tuple(members[i] for i in at), tuple(weights[i] for i in at)
            )

    def continue_from(self, before: Target) -> None:
        """Go on with the turns and the budget of the table before: swaps favour nobody."""
        self.budget = before.budget
        self.everyone.turn = before.everyone.turn
        for group, choice in self.choices.items():
            if group in before.choices:
                choice.turn = before.choices[group].turn


Members = dict[tuple[str, str, str], Member]
"""By service, endpoint id and address."""


class Table:
    """One snapshot made ready to serve."""

    __slots__ = ("digest", "members", "snapshot", "targets", "v")

    def __init__(self, snapshot: Snapshot, v: int, digest: str, before: Members) -> None:
        self.snapshot = snapshot
        self.v = v
        self.digest = digest
        self.members: Members = {}
        self.targets = {
            name: self._target(name, service, before) for name, service in snapshot.service.items()
        }

    def endpoint_stats(self) -> Iterator[EndpointStats]:
        """The counters of every endpoint in force."""
        return (member.stats for member in self.members.values())

    def _target(self, name: str, service: Service, before: Members) -> Target:
        members = []
        for endpoint in service.endpoints:
            key = (name, endpoint.id, endpoint.addr)
            member = self.members[key] = before.get(key) or Member(service, endpoint)
            members.append(member)
        route = self.snapshot.route.get(name)
        return Target(service, tuple(members), route.rules[0] if route and route.rules else None)


class Current:
    """Holds the table in force. Only the event loop's thread swaps it."""

    def __init__(self) -> None:
        self.table = Table(Snapshot(), 0, "", {})

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

    def swap(self, snapshot: Snapshot, v: int, digest: str = "") -> None:
        """Put a checked snapshot in force at once; `digest` is the console's, if it said one.

        Requests in flight end on the table they began with. Endpoints that stay keep their
        connections; those of endpoints that go close as they fall idle.
        """
        old = self.table
        table = Table(snapshot, v, digest or digest_of(snapshot), old.members)
        for name, target in table.targets.items():
            if name in old.targets:
                target.continue_from(old.targets[name])
            for endpoint in target.service.endpoints:
                table.members[name, endpoint.id, endpoint.addr].update(target.service, endpoint)
        self.table = table
        for key in old.members.keys() - table.members.keys():
            old.members[key].retire()


def _spoken(service: Service) -> str:
    """What is spoken to the service's endpoints; empty means what the caller speaks."""
    return "" if service.protocol == "auto" else service.protocol


def schedule(members: tuple[Member, ...], weights: tuple[int, ...]) -> tuple[Member, ...]:
    """Whose turn it is, laid out: each as often as its weight says, spread evenly.

    The k-th turn of a member of weight w stands at (k + 1/2) / w of the round.
    """
    total = sum(weights)
    if total == 0:
        return ()
    divisor = gcd(*weights)
    shrink = max(1.0, total / divisor / SCHEDULE_LIMIT)
    turns = []
    for at, weight in enumerate(weights):
        n = max(1, round(weight / divisor / shrink)) if weight else 0
        turns += [((k + 0.5) / n, at) for k in range(n)]
    return tuple(members[at] for _, at in sorted(turns))
