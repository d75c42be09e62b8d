"""The one immutable configuration a sidecar holds: services it may call and routes to them."""

from __future__ import annotations

from typing import Literal

import msgspec

Balancer = Literal["round_robin", "least_request", "ring_hash", "maglev"]
"""A sidecar that does not know a value refuses the snapshot and keeps the one it has."""
ServiceProtocol = Literal["auto", "http1", "http2", "bolt", "tcp"]
Locality = Literal["any", "prefer"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instance as a caller sees it."""

    id: str
    addr: str
    group: str
    unit: str
    weight: int = 100


class Service(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One application that may be called: where it is and how patient to be with it."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    groups: tuple[str, ...] = ()
    """Every named group, also those without an endpoint just now."""
    interfaces: tuple[str, ...] = ()
    """Declared interfaces, `METHOD /path/{variable}`; others are counted as `other`."""
    balancer: Balancer = "round_robin"
    protocol: ServiceProtocol = "auto"
    """What its endpoints are spoken to with; `auto` is what the caller speaks."""
    connect_timeout_seconds: float = 1.0
    request_timeout_seconds: float = 15.0
    idle_timeout_seconds: float = 60.0
    try_timeout_seconds: float = 0.0
    """For one try of a request that may be repeated; 0 leaves it the whole request timeout."""
    retries: int = 2
    """Further tries of one request, at most; 0 tries once."""
    retry_on: tuple[int, ...] = ()
    """Statuses after which a request that may be repeated is tried at another endpoint."""
    hash_on: str = ""
    """What `ring_hash` and `maglev` keep together: `header:NAME`, `cookie:NAME`, `path`, or
    `caller`, the calling instance. Empty, or not in a request: each request is its own."""
    locality: Locality = "any"
    """`prefer` keeps requests in the caller's unit while enough of its endpoints can answer."""
    slow_start_seconds: float = 0.0
    """An endpoint that is new gets its share bit by bit over so long; 0 gives it at once."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a split: percent of requests (two decimals at most) that go to a group."""

    group: str
    percent: float


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where matching requests go; without a match it holds for every request."""

    id: str
    split: tuple[Share, ...]
    on_empty: Literal["fail", "origin"] = "fail"
    """Nothing to pick in the chosen group: refuse, or use any endpoint of the service."""


class Route(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ordered rules for one destination application."""

    name: str
    version: int
    rules: tuple[Rule, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All a sidecar is told, by kind and name. Its digest is its version."""

    service: dict[str, Service] = {}
    route: dict[str, Route] = {}


KINDS: dict[str, type[msgspec.Struct]] = {"service": Service, "route": Route}
"""The kinds of resources in force; a push with another kind is refused."""
