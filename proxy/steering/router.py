"""Where a request goes: its Host names an application, a rule's split names the group.

A framed request that names no application goes to the one that declares its service.

Splits are sticky and monotone. A request's bucket is a hash of the rule and its stickiness key, and
groups take buckets in the order of their names, so a percentage that is raised keeps those who were
in and adds others.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right

from proxy.contract.snapshot import Rule
from proxy.current import Choice, Current, Target
from proxy.errors import (
    ambiguous_service,
    no_endpoint,
    no_route,
    no_snapshot,
    unknown_service,
)
from proxy.http1.heads import Request
from proxy.interfaces import service_of
from proxy.steering.reasons import Reasons, reasons_of

BUCKETS = 10_000
"""A hundredth of a percent is the finest share."""
STICKY = b"\r\nx-mesh-sticky:"
HOSTS_LIMIT = 4096
"""Spellings of Host remembered; strangers' Hosts are not."""


class FixedRouter:
    """Every request goes to the same members: an inbound listener, or a stand-alone proxy."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice

    def choose(self, _request: Request, _trace_id: bytes) -> Choice:
        """The one choice there is."""
        return self._choice

    def explain(self, request: Request, trace_id: bytes) -> tuple[Choice, Reasons]:
        """The same, and why."""
        choice = self.choose(request, trace_id)
        name = choice.target.service.name
        return choice, Reasons(application=name, why="This listener serves one application.")

    def adjust(self, _now: float) -> None:
        """Nothing changes."""

    by_name = False

    def tunnel(self, _name: str) -> Choice:
        """The same for a TCP session."""
        return self._choice


class Router:
    """Routes by the table in force. What it derives from a table goes with that table."""

    def __init__(self, current: Current) -> None:
        self._current = current
        self._table = current.table
        self._plans: dict[bytes, Plan] = {}

    def choose(self, request: Request, trace_id: bytes) -> Choice:
        """The members that may answer; raises Refusal for a stranger or an empty group."""
        table = self._current.table
        if table is not self._table:
            self._table = table
            self._plans = {}
        host = request.host or request.service
        plan = self._plans.get(host) or self._plan(host)
        if plan.split is None:
            choice = plan.target.everyone
        else:
            choice = plan.split.choose(request.after(STICKY) or trace_id)
        if not choice.schedule:
            raise no_endpoint(plan.target.service.name, choice.group)
        return choice

    def explain(self, request: Request, trace_id: bytes) -> tuple[Choice, Reasons]:
        """The same, and why; raises the same Refusal. Another router decides, so that nothing
        here is remembered of it."""
        other = Router(self._current)
        choice = other.choose(request, trace_id)
        (plan,) = other._plans.values()
        route = other._table.snapshot.route.get(plan.target.service.name)
        key = request.after(STICKY) or b""
        return choice, reasons_of(plan, route.rules if route else (), choice, key, trace_id)

    def adjust(self, now: float) -> None:
        """New shares for those that warm up, and for units that lost or won endpoints."""
        self._current.table.adjust(now)

    def _plan(self, host: bytes) -> Plan:
        target = self._target_of_service(host) if host[:1] == b"/" else self._target(host)
        if len(self._plans) >= HOSTS_LIMIT:
            self._plans.clear()
        plan = self._plans[host] = Plan(target)
        return plan

    def _target(self, host: bytes) -> Target:
        name = _application(host)
        target = self._table.targets.get(name) or next(
            (t for n, t in self._table.targets.items() if n.lower() == name), None
        )
        if target is None:
            raise no_route(name) if self._table.v else no_snapshot()
        return target

    def _target_of_service(self, path: bytes) -> Target:
        """The one application that declares an interface of this service of RPC."""
        service = path[1:].decode("ascii", "replace")
        found = [
            target
            for target in self._table.targets.values()
            if any(service_of(name) == service for name in target.service.interfaces)
        ]
        if not service or not found:
            raise unknown_service(service) if self._table.v else no_snapshot()
        if len(found) > 1:
            names = " and ".join(sorted(repr(target.service.name) for target in found[:3]))
            raise ambiguous_service(service, names)
        return found[0]


class Plan:
    """What a table says about one Host, made ready to decide."""

    __slots__ = ("split", "target")

    def __init__(self, target: Target) -> None:
        self.target = target
        self.split = Split(target, target.rule) if target.rule else None


class Split:
    """A rule's shares as buckets: share n holds for buckets below `bounds[n]`."""

    __slots__ = ("_choices", "_hash", "_only", "bounds", "groups")

    def __init__(self, target: Target, rule: Rule) -> None:
        shares = sorted(
            (share for share in rule.split if share.percent > 0), key=lambda share: share.group
        )
        self._hash = hashlib.blake2b(rule.id.encode() + b"\0", digest_size=8)
        self.bounds: list[int] = []
        self.groups = [share.group for share in shares]
        """Each share's group, in the order of the bounds."""
        self._choices: list[Choice] = []
        total = 0.0
        for share in shares:
            total += share.percent
            choice = target.choices[share.group]
            if not choice.schedule and rule.on_empty == "origin":
                choice = target.everyone
            self.bounds.append(round(total * BUCKETS / 100))
            self._choices.append(choice)
        self._only = self._choices[0] if len(self._choices) == 1 else None

    def choose(self, key: bytes) -> Choice:
        """The choice of this key: always the same while the shares are the same."""
        if self._only is not None:
            return self._only
        return self._choices[self.share_at(self.bucket_of(key))]

    def bucket_of(self, key: bytes) -> int:
        """Where a key falls, of BUCKETS."""
        hashed = self._hash.copy()
        hashed.update(key)
        return int.from_bytes(hashed.digest(), "big") % BUCKETS

    def share_at(self, bucket: int) -> int:
        """Which share, in the order of group names, holds a bucket."""
        return min(bisect_right(self.bounds, bucket), len(self._choices) - 1)


def _application(host: bytes) -> str:
    name = host.decode("ascii", "replace")
    if not name.startswith("["):
        name = name.partition(":")[0]
    return name.rstrip(".").removesuffix(".mesh")
