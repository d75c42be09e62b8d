"""The one immutable configuration a sidecar holds: whom it may call and how, when it takes them for
broken, whom it lets in, and whom it trusts."""

from __future__ import annotations

from typing import Literal

import msgspec

Balancer = Literal["round_robin", "least_request", "ring_hash", "maglev"]
"""A sidecar that does not know a value refuses the snapshot and keeps the one it has."""
ServiceProtocol = Literal["auto", "http1", "http2", "bolt", "tcp"]
Locality = Literal["any", "prefer"]
TlsMode = Literal["plaintext", "permissive", "preferred", "strict"]
"""What an instance accepts: plaintext only; both, said to nobody; both, and callers prefer TLS;
TLS only."""
TLS_MODES: tuple[TlsMode, ...] = ("plaintext", "permissive", "preferred", "strict")
Offer = Literal["off", "offered", "required"]
"""What an endpoint says to callers: plaintext; TLS to whoever can; TLS and nothing else."""
CallersMode = Literal["off", "observe", "enforce"]
EjectionMode = Literal["report", "weight", "eject"]
HealingMode = Literal["off", "report", "weight", "eject"]
"""What callers do with an endpoint that fails: nothing at all; tell the console; leave it a small
share as well; leave it out."""
MESH = "mesh"
"""The name of the one `Trust`."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instance as a caller sees it."""

    id: str
    addr: str
    group: str
    unit: str
    weight: int = 100
    tls: Offer = "off"


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


class Caller(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may call, by what its certificate says; what is empty may be anything."""

    app: str = ""
    unit: str = ""


class Inbound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the sidecars of one application take callers in."""

    name: str
    mode: TlsMode = "plaintext"
    """Of instances that are not named."""
    instances: dict[str, TlsMode] = {}
    """Modes by instance id."""
    callers: tuple[Caller, ...] = ()
    """Who is allowed; any one of them is enough."""
    callers_mode: CallersMode = "off"
    """`observe` logs and counts who would be refused, `enforce` refuses."""

    def mode_of(self, instance: str) -> TlsMode:
        """The mode of one instance."""
        return self.instances.get(instance, self.mode)


class Trust(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which roots the mesh trusts, and which of them signs now."""

    name: str
    domain: str
    """The trust domain: every identity of the mesh begins with `spiffe://` and it."""
    roots: tuple[str, ...] = ()
    """Certificates in PEM, newest first. A peer whose chain ends elsewhere is refused."""
    issuer: str = ""
    """SubjectKeyIdentifier (hex) of the root that signs leaves; a sidecar whose own leaf is of
    another one renews it soon."""


class HealingTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When callers of one application take one of its endpoints for broken, and what they do then.

    An application without terms has these defaults.
    """

    name: str
    mode: HealingMode = "report"
    min_requests: int = 20
    """An endpoint is judged over the shortest of 5, 10, 20, 30 and 60 s with so many."""
    error_floor: float = 0.10
    """Its error rate is at least this, by Wilson's lower bound..."""
    peer_lead: float = 0.10
    """...and by so much above the median of its peers..."""
    peer_ratio: float = 3.0
    """...and at least so many times that median."""
    consecutive: int = 5
    """So many failures in a row to reach it need no rate; 0 never does."""
    statuses: tuple[int, ...] = (500, 502, 503, 504)
    """Answers that are the endpoint's fault."""
    max_out_share: float = 0.34
    """At most this share of the endpoints is out at once, or one..."""
    min_left_share: float = 0.50
    """...and at least this share stays."""
    base_seconds: float = 30.0
    """How long the first ejection takes; twice as long each time in a row, give or take a fifth."""
    max_seconds: float = 300.0
    probes: int = 5
    """So many good answers in a row, one at a time, bring it back."""
    slow_start_seconds: float = 30.0
    """Then it gets its share bit by bit over so long."""
    weight_factor: float = 0.05
    """The share that mode `weight` leaves it."""
    latency_ratio: float = 3.0
    """Its median latency is told when it is so many times its peers'..."""
    latency_floor_seconds: float = 0.05
    """...and at least this."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All a sidecar is told, by kind and name. Its digest is its version."""

    service: dict[str, Service] = {}
    route: dict[str, Route] = {}
    inbound: dict[str, Inbound] = {}
    """By application."""
    trust: dict[str, Trust] = {}
    """One, named `mesh`; without it nobody speaks TLS."""
    healing: dict[str, HealingTerms] = {}
    """By application called."""


KINDS: dict[str, type[msgspec.Struct]] = {
    "service": Service,
    "route": Route,
    "inbound": Inbound,
    "trust": Trust,
    "healing": HealingTerms,
}
"""The kinds of resources in force; a push with another kind is refused."""
