"""Reads every room once and fills the compiler's facts; the only part that knows the tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import msgspec

from meshconsole.core import revision
from meshconsole.discovery.compiler import (
    PLAIN,
    STABLE,
    ApplicationFact,
    InstanceFact,
    LinkFact,
    MeshFacts,
    RouteFact,
    TrustFact,
    cohort_of,
)
from meshconsole.discovery.leases import Leased
from meshconsole.encryption.keeping import trust_bundle
from meshconsole.encryption.policy import policy_rows
from meshconsole.healing.guards.selectors import ejection_terms
from meshconsole.inventory.models import Application, Group, Instance, Interface, Source
from meshconsole.inventory.states import InstanceState
from meshconsole.steering.models import Route
from proxy.contract.snapshot import Balancer, HealingTerms, Locality, Rule, ServiceProtocol, Share

_READS_LIMIT = 5
RULE_ID = "default"
"""The rule of a route that holds for every request."""


class Reading(msgspec.Struct, frozen=True):
    """Facts for the compiler, and the instances that live by a lease."""

    facts: MeshFacts
    leased: dict[str, Leased]


def facts_read() -> Reading:
    """Everything at one revision: read again when intent changed in between.

    A mesh that never rests is read as it came; the next compilation sets it right.
    """
    reading = _read(revision.current())
    for _ in range(_READS_LIMIT):
        after = revision.current()
        if after == reading.facts.revision:
            break
        reading = _read(after)
    return reading


def _read(number: int) -> Reading:
    instances = list(Instance.objects.open().named_parts())
    facts = MeshFacts(
        revision=number,
        applications=_applications(),
        instances=tuple(_instance(row) for row in instances),
        routes=_routes(),
        links=_links(),
        trust=_trust(),
        healing=_healing(),
    )
    leased = {
        row.instance_id: Leased(
            row.application.name, (row.seen_at or row.registered_at).timestamp()
        )
        for row in instances
        if row.source == Source.SIDECAR
    }
    return Reading(facts, leased)


def _instance(row: Instance) -> InstanceFact:
    return InstanceFact(
        id=row.instance_id,
        app=row.application.name,
        unit=row.unit.name,
        group=row.group.name,
        addr=row.address,
        serving=row.state == InstanceState.SERVING,
        links=row.source == Source.SIDECAR and cohort_of(row.caps) != PLAIN,
        heals=row.source == Source.SIDECAR and cohort_of(row.caps) == STABLE,
    )


def _applications() -> tuple[ApplicationFact, ...]:
    groups = _names_by_application(Group.objects.values_list("application_id", "name"))
    interfaces = _names_by_application(Interface.objects.values_list("application_id", "name"))
    return tuple(
        ApplicationFact(
            name=row.name,
            groups=tuple(groups.get(row.pk, ())),
            interfaces=tuple(interfaces.get(row.pk, ())),
            balancer=cast("Balancer", row.balancer),
            hash_on=row.hash_on,
            locality=cast("Locality", row.locality),
            slow_start_seconds=row.slow_start_seconds,
            protocol=cast("ServiceProtocol", row.protocol),
            retries=row.retries,
            retry_on=tuple(row.retry_on),
            try_timeout_seconds=row.try_timeout_seconds,
            connect_timeout_seconds=row.connect_timeout_seconds,
            request_timeout_seconds=row.request_timeout_seconds,
            idle_timeout_seconds=row.idle_timeout_seconds,
        )
        for row in Application.objects.all()
    )


def _routes() -> tuple[RouteFact, ...]:
    return tuple(
        RouteFact(
            app=row.application.name,
            version=row.version,
            rules=(
                Rule(
                    id=RULE_ID,
                    split=tuple(
                        Share(group=group, percent=float(percent))
                        for group, percent in sorted(row.split.items())
                    ),
                ),
            ),
        )
        for row in Route.objects.select_related("application")
    )


def _links() -> tuple[LinkFact, ...]:
    return tuple(
        LinkFact(
            app=app,
            mode=policy.mode,
            instances=policy.instances,
            callers=policy.callers,
            callers_mode=policy.callers_mode,
        )
        for app, (_, policy) in policy_rows().items()
    )


def _trust() -> TrustFact | None:
    bundle = trust_bundle()
    if bundle is None:
        return None
    return TrustFact(domain=bundle.domain, roots=bundle.roots, issuer=bundle.issuer)


def _healing() -> tuple[HealingTerms, ...]:
    """When callers eject an endpoint, for each application; those of the defaults are left out."""
    return ejection_terms(Application.objects.values_list("name", flat=True))


def _names_by_application(rows: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for application, name in rows:
        names.setdefault(application, []).append(name)
    return names
