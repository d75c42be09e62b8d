"""From facts to what sidecars are told: facts -> revision -> variants -> bytes, all pure.

The compiler knows only what `MeshFacts` declares, so equal facts give equal digests whatever the
order they were read in. Sidecars of one application, unit and cohort share one variant, and equal
variants share one rendering: bytes are made once per content, never once per sidecar.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from proxy.contract.digest import canonical
from proxy.contract.snapshot import (
    Balancer,
    Endpoint,
    Locality,
    Route,
    Rule,
    Service,
    ServiceProtocol,
    Snapshot,
)

T = TypeVar("T")
STABLE = "stable"
"""The cohort of every sidecar that no rollout has singled out."""


class InstanceFact(msgspec.Struct, frozen=True, kw_only=True):
    """One instance: `serving` ones are endpoints, the others only receive configuration."""

    id: str
    app: str
    unit: str
    group: str
    addr: str
    serving: bool = True


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


class MeshFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a compilation may depend on, read at one revision."""

    revision: int
    applications: tuple[ApplicationFact, ...] = ()
    instances: tuple[InstanceFact, ...] = ()
    routes: tuple[RouteFact, ...] = ()


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The mesh at one revision, in the words of the contract, before anyone's view of it."""

    v: int
    services: dict[str, Service]
    routes: dict[str, Route]
    variants: tuple[str, ...]
    """Keys of the variants that somebody needs."""


class Rendering(msgspec.Struct, frozen=True):
    """A snapshot as bytes, named by its content."""

    digest: str
    data: bytes


def variant_key(*, app: str, unit: str, cohort: str = STABLE) -> str:
    """The key of the variant that sidecars of this application, unit and cohort share."""
    return f"{app}/{unit}/{cohort}"


def compile_revision(facts: MeshFacts) -> Revision:
    """Turn facts into services and routes; nothing is left out because it looks wrong."""
    by_app: dict[str, list[InstanceFact]] = {}
    for instance in facts.instances:
        by_app.setdefault(instance.app, []).append(instance)
    services = {
        app.name: _service(app, by_app.get(app.name, ()))
        for app in sorted(facts.applications, key=lambda app: app.name)
    }
    routes = {
        route.app: Route(name=route.app, version=route.version, rules=route.rules)
        for route in sorted(facts.routes, key=lambda route: route.app)
        if route.rules
    }
    keys = {variant_key(app=one.app, unit=one.unit) for one in facts.instances}
    return Revision(
        v=facts.revision, services=services, routes=routes, variants=tuple(sorted(keys))
    )


def _service(app: ApplicationFact, instances: Iterable[InstanceFact]) -> Service:
    ordered = sorted(instances, key=lambda instance: instance.id)
    endpoints = tuple(
        Endpoint(id=one.id, addr=one.addr, group=one.group, unit=one.unit)
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
    whole = _lean(Snapshot(service=revision.services, route=revision.routes))
    return dict.fromkeys(revision.variants, whole)


def render(snapshot: Snapshot) -> Rendering:
    """The canonical bytes of a snapshot and the digest that names them."""
    data = canonical(snapshot)
    return Rendering(hashlib.sha256(data).hexdigest(), data)


def _lean(value: T) -> T:
    """The same value with the defaults' own objects where it equals them.

    The encoder leaves a default out when it is that very object; an equal one that came from the
    database would be written, and equal meshes would have different digests.
    """
    lean: Any = value
    if isinstance(value, msgspec.Struct):
        defaults = _defaults(type(value))
        given = {name: getattr(value, name) for name in value.__struct_fields__}
        kept = {n: _lean(v) for n, v in given.items() if n not in defaults or v != defaults[n]}
        lean = type(value)(**kept)
    elif isinstance(value, tuple):
        lean = tuple(_lean(one) for one in value)
    elif isinstance(value, dict):
        lean = {name: _lean(one) for name, one in value.items()}
    return cast("T", lean)


@cache
def _defaults(shape: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        field.name: field.default
        for field in msgspec.structs.fields(shape)
        if field.default is not msgspec.NODEFAULT
    }
