"""From facts to what sidecars are told: facts -> revision -> variants -> bytes, all pure.

The compiler knows only what `MeshFacts` declares, so equal facts give equal digests whatever the
order they were read in. Sidecars of one application, unit and cohort share one variant, and equal
variants share one rendering: bytes are made once per content, never once per sidecar.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from meshconsole.discovery.lean import lean_of
from meshconsole.encryption.blockers import LINK_CAPS
from proxy.contract.digest import canonical
from proxy.contract.snapshot import (
    MESH,
    Balancer,
    Caller,
    CallersMode,
    Endpoint,
    HealingTerms,
    Inbound,
    Locality,
    Offer,
    Route,
    Rule,
    Service,
    ServiceProtocol,
    Snapshot,
    TlsMode,
    Trust,
)

STABLE = "stable"
"""The cohort of every sidecar that nothing singles out."""
LINKED = "linked"
"""The cohort of sidecars that know the kinds of encryption, but not that of healing."""
PLAIN = "plain"
"""The cohort of sidecars that do not know the kinds of encryption either, and would refuse them."""
HEALING_CAPS = frozenset({"healing"})
"""Kinds of the contract that a sidecar must know to be told when to eject."""
_OFFERS: dict[TlsMode, Offer] = {"preferred": "offered", "strict": "required"}


class InstanceFact(msgspec.Struct, frozen=True, kw_only=True):
    """One instance: `serving` ones are endpoints, the others only receive configuration."""

    id: str
    app: str
    unit: str
    group: str
    addr: str
    serving: bool = True
    links: bool = True
    """Does it have a sidecar that can speak TLS?"""
    heals: bool = True
    """Does its sidecar know terms of healing?"""

    @property
    def cohort(self) -> str:
        """Which kinds its sidecar is told."""
        if not self.links:
            return PLAIN
        return STABLE if self.heals else LINKED


class ApplicationFact(msgspec.Struct, frozen=True, kw_only=True):
    """One application, its named groups and declared interfaces."""

    name: str
    groups: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    balancer: Balancer = "round_robin"
    hash_on: str = ""
    locality: Locality = "any"
    slow_start_seconds: float = 0.0
    protocol: ServiceProtocol = "auto"
    retries: int = 2
    retry_on: tuple[int, ...] = ()
    try_timeout_seconds: float = 0.0
    connect_timeout_seconds: float = 1.0
    request_timeout_seconds: float = 15.0
    idle_timeout_seconds: float = 60.0


class RouteFact(msgspec.Struct, frozen=True, kw_only=True):
    """The rules in force for one destination application."""

    app: str
    version: int
    rules: tuple[Rule, ...] = ()


class LinkFact(msgspec.Struct, frozen=True, kw_only=True):
    """How links to one application are to be; see `Inbound`."""

    app: str
    mode: TlsMode = "plaintext"
    instances: dict[str, TlsMode] = {}
    callers: tuple[Caller, ...] = ()
    callers_mode: CallersMode = "off"

    def mode_of(self, instance: str) -> TlsMode:
        """The mode of one instance."""
        return self.instances.get(instance, self.mode)


class TrustFact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the mesh trusts; see `Trust`."""

    domain: str
    roots: tuple[str, ...] = ()
    issuer: str = ""


class MeshFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a compilation may depend on, read at one revision."""

    revision: int
    applications: tuple[ApplicationFact, ...] = ()
    instances: tuple[InstanceFact, ...] = ()
    routes: tuple[RouteFact, ...] = ()
    links: tuple[LinkFact, ...] = ()
    trust: TrustFact | None = None
    healing: tuple[HealingTerms, ...] = ()
    """By application; one that is not among them has the defaults."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The mesh at one revision, in the words of the contract, before anyone's view of it."""

    v: int
    services: dict[str, Service]
    routes: dict[str, Route]
    inbound: dict[str, Inbound]
    trust: dict[str, Trust]
    healing: dict[str, HealingTerms]
    variants: tuple[str, ...]
    """Keys of the variants that somebody needs."""


class Rendering(msgspec.Struct, frozen=True):
    """A snapshot as bytes, named by its content."""

    digest: str
    data: bytes


def variant_key(*, app: str, unit: str, cohort: str = STABLE) -> str:
    """The key of the variant that sidecars of this application, unit and cohort share."""
    return f"{app}/{unit}/{cohort}"


def cohort_of(caps: Iterable[str]) -> str:
    """The cohort of a sidecar that says it knows these kinds."""
    known = frozenset(caps)
    if not known >= LINK_CAPS:
        return PLAIN
    return STABLE if known >= HEALING_CAPS else LINKED


def compile_revision(facts: MeshFacts) -> Revision:
    """Turn facts into services and routes; nothing is left out because it looks wrong."""
    by_app: dict[str, list[InstanceFact]] = {}
    for instance in facts.instances:
        by_app.setdefault(instance.app, []).append(instance)
    links = {link.app: link for link in facts.links}
    services = {
        app.name: _service(app, by_app.get(app.name, ()), links.get(app.name))
        for app in sorted(facts.applications, key=lambda app: app.name)
    }
    routes = {
        route.app: Route(name=route.app, version=route.version, rules=route.rules)
        for route in sorted(facts.routes, key=lambda route: route.app)
        if route.rules
    }
    keys = {variant_key(app=one.app, unit=one.unit, cohort=one.cohort) for one in facts.instances}
    return Revision(
        v=facts.revision,
        services=services,
        routes=routes,
        inbound=_inbound(links, by_app),
        trust=_trust(facts.trust),
        healing=_healing(facts.healing, services),
        variants=tuple(sorted(keys)),
    )


def _inbound(
    links: dict[str, LinkFact], by_app: dict[str, list[InstanceFact]]
) -> dict[str, Inbound]:
    """Of applications whose links are not as they are by default."""
    found = {}
    for app, link in sorted(links.items()):
        here = sorted(one.id for one in by_app.get(app, ()))
        inbound = Inbound(
            name=app,
            mode=link.mode,
            instances={one: mode for one in here if (mode := link.mode_of(one)) != link.mode},
            callers=tuple(sorted(set(link.callers), key=lambda one: (one.app, one.unit))),
            callers_mode=link.callers_mode,
        )
        if inbound != Inbound(name=app):
            found[app] = inbound
    return found


def _trust(trust: TrustFact | None) -> dict[str, Trust]:
    if trust is None or not trust.roots:
        return {}
    return {MESH: Trust(name=MESH, domain=trust.domain, roots=trust.roots, issuer=trust.issuer)}


def _healing(
    terms: Iterable[HealingTerms], services: dict[str, Service]
) -> dict[str, HealingTerms]:
    """Of applications whose terms are not as they are by default."""
    return {
        one.name: one
        for one in sorted(terms, key=lambda one: one.name)
        if one.name in services and one != HealingTerms(name=one.name)
    }


def _offer(instance: InstanceFact, link: LinkFact | None) -> Offer:
    if link is None or not instance.links:
        return "off"
    return _OFFERS.get(link.mode_of(instance.id), "off")


def _service(
    app: ApplicationFact, instances: Iterable[InstanceFact], link: LinkFact | None
) -> Service:
    ordered = sorted(instances, key=lambda instance: instance.id)
    endpoints = tuple(
        Endpoint(id=one.id, addr=one.addr, group=one.group, unit=one.unit, tls=_offer(one, link))
        for one in ordered
        if one.serving
    )
    groups = {*app.groups, *(endpoint.group for endpoint in endpoints)}
    return Service(
        name=app.name,
        endpoints=endpoints,
        groups=tuple(sorted(groups)),
        interfaces=tuple(sorted(set(app.interfaces))),
        balancer=app.balancer,
        hash_on=app.hash_on,
        locality=app.locality,
        slow_start_seconds=app.slow_start_seconds,
        protocol=app.protocol,
        retries=app.retries,
        retry_on=tuple(sorted(set(app.retry_on))),
        try_timeout_seconds=app.try_timeout_seconds,
        connect_timeout_seconds=app.connect_timeout_seconds,
        request_timeout_seconds=app.request_timeout_seconds,
        idle_timeout_seconds=app.idle_timeout_seconds,
    )


def compile_variants(revision: Revision) -> dict[str, Snapshot]:
    """One snapshot per variant key; variants that are told the same share one object."""
    plain = Snapshot(service=revision.services, route=revision.routes)
    linked = msgspec.structs.replace(plain, inbound=revision.inbound, trust=revision.trust)
    stable = msgspec.structs.replace(linked, healing=revision.healing)
    lean = {STABLE: lean_of(stable)}
    lean[LINKED] = lean[STABLE] if stable == linked else lean_of(linked)
    lean[PLAIN] = lean[LINKED] if linked == plain else lean_of(plain)
    return {key: lean[key.rpartition("/")[2]] for key in revision.variants}


def render(snapshot: Snapshot) -> Rendering:
    """The canonical bytes of a snapshot and the digest that names them."""
    data = canonical(snapshot)
    return Rendering(hashlib.sha256(data).hexdigest(), data)
