"""Who testifies against an instance now, and how much the word of each is worth.

Only `instance` scope is read here: a fault that callers ascribe to the whole service, or to
themselves, is no evidence against an instance (`service_words`, `reporter_words`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
from django.db.models import Count, QuerySet

from meshconsole.healing.evidence.callers import Callers
from meshconsole.healing.evidence.ejection_models import ActiveEjection
from meshconsole.healing.evidence.ejections import active_ejections
from meshconsole.healing.evidence.models import Anomaly, Family, Origin, Scope, Testimony
from meshconsole.healing.evidence.states import AnomalyState


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """One reporter's latest word on an instance."""

    reporter: str
    app: str
    unit: str
    origin: str
    """`sidecar` has proven which instance it is. `api` and `alertmanager` may propose, and are one
    reporter per account whatever they call themselves: they never count towards a quorum."""
    is_failing: bool
    said_at: datetime
    """End of its last window, by its clock."""
    rule: str
    errors: dict[str, int]
    """By class, over all of its reports of anomalies that are open."""
    attempts: int
    rate: float
    lcb: float
    """Of its last failing window, 0 to 1."""
    mode: str = ""
    """Of its active ejection; empty when it has none."""
    renewed_at: datetime | None = None
    """When the console heard of that ejection last."""
    requests: int = 0
    """What it sent to the instance in the last minute."""
    weight: float = 0.0
    """Its share of the requests of all active callers, 0 to 1; 0 for one that is not active."""


class Breadth(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the mesh one reporter says is failing; one that says it of much is a suspect."""

    instances: int
    services: int


def witnesses(instance: str, *, now: datetime, callers: Callers | None = None) -> list[Witness]:
    """Who says that `instance` fails, said so of an anomaly that is open, or has ejected it; the
    newest word first. What is only slow is not told here.

    `callers` (of `callers.active_callers`) gives the weights; without it they are 0.
    """
    said = Testimony.objects.filter(
        anomaly__subject_instance=instance,
        anomaly__scope=Scope.INSTANCE,
        anomaly__state=AnomalyState.OPEN,
    ).exclude(anomaly__family=Family.LATENCY)
    found: dict[str, Witness] = {}
    for row in said.order_by("said_at"):
        found[row.reporter_instance] = _joined(found.get(row.reporter_instance), row)
    for ejection in active_ejections(instance, now=now):
        name = ejection.reporter_instance
        found[name] = _ejecting(found.get(name) or _of_ejection(ejection), ejection)
    weighed = _weighed(found.values(), callers)
    return sorted(weighed, key=lambda witness: witness.said_at, reverse=True)


def newest_evidence_at(instance: str, *, now: datetime) -> datetime | None:
    """When the console last heard of an active ejection of it; None without one."""
    rows = active_ejections(instance, now=now).order_by("-renewed_at")
    return rows.values_list("renewed_at", flat=True).first()


def breadth_of(reporters: Collection[str]) -> dict[str, Breadth]:
    """How many instances, of how many services, each of these sidecars says are failing now."""
    rows = (
        Testimony.objects.filter(
            reporter_instance__in=reporters,
            is_failing=True,
            anomaly__scope=Scope.INSTANCE,
            anomaly__state=AnomalyState.OPEN,
        )
        .order_by()
        .values_list("reporter_instance")
        .annotate(
            Count("anomaly__subject_instance", distinct=True),
            Count("anomaly__subject_app", distinct=True),
        )
    )
    counted = {name: Breadth(instances=n, services=s) for name, n, s in rows}
    return {name: counted.get(name, Breadth(instances=0, services=0)) for name in reporters}


def service_words(application: str) -> QuerySet[Testimony]:
    """Who says that a whole service fails, now."""
    return _failing(Scope.SERVICE).filter(anomaly__subject_app=application)


def reporter_words(instance: str) -> QuerySet[Testimony]:
    """Does a sidecar doubt itself, now?"""
    return _failing(Scope.REPORTER).filter(anomaly__subject_instance=instance)


def open_anomalies(instance: str) -> QuerySet[Anomaly]:
    """What is open against an instance, oldest first."""
    return Anomaly.objects.filter(
        scope=Scope.INSTANCE, subject_instance=instance, state=AnomalyState.OPEN
    ).order_by("id")


def _failing(scope: Scope) -> QuerySet[Testimony]:
    return Testimony.objects.filter(
        anomaly__scope=scope, anomaly__state=AnomalyState.OPEN, is_failing=True
    ).order_by("reporter_instance")


def _joined(earlier: Witness | None, row: Testimony) -> Witness:
    """A reporter's newest word, with the counts of all of them."""
    errors = dict(row.errors)
    for kind, count in (earlier.errors if earlier else {}).items():
        errors[kind] = errors.get(kind, 0) + count
    return Witness(
        reporter=row.reporter_instance,
        app=row.reporter_app,
        unit=row.reporter_unit,
        origin=row.origin,
        is_failing=row.is_failing or (earlier is not None and earlier.is_failing),
        said_at=row.said_at,
        rule=row.rule,
        errors=errors,
        attempts=row.attempts + (earlier.attempts if earlier else 0),
        rate=row.rate,
        lcb=row.lcb,
    )


def _weighed(found: Iterable[Witness], callers: Callers | None) -> list[Witness]:
    if callers is None:
        return list(found)
    sent = {caller.instance: caller.requests for caller in callers.callers}
    weights = callers.weights()
    return [
        msgspec.structs.replace(
            witness,
            requests=sent.get(witness.reporter, 0),
            weight=weights.get(witness.reporter, 0.0),
        )
        if witness.origin == Origin.SIDECAR
        else witness
        for witness in found
    ]


def _ejecting(witness: Witness, row: ActiveEjection) -> Witness:
    return msgspec.structs.replace(
        witness, is_failing=True, mode=row.mode, renewed_at=row.renewed_at
    )


def _of_ejection(row: ActiveEjection) -> Witness:
    return Witness(
        reporter=row.reporter_instance,
        app=row.reporter_app,
        unit=row.reporter_unit,
        origin=Origin.SIDECAR,
        is_failing=True,
        said_at=row.said_at,
        rule=row.rule,
        errors={},
        attempts=0,
        rate=0.0,
        lcb=0.0,
    )
