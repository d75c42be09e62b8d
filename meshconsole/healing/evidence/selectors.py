"""Reading anomalies and their evidence: filtered, with facets, and one in full."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from django.db.models import Count, Prefetch, Q, QuerySet, Sum

from meshconsole.core.errors import NotFound
from meshconsole.healing.evidence.models import Anomaly, AnomalyReport, Quarantine, Testimony
from meshconsole.healing.evidence.states import AnomalyState

FACETS: dict[str, str] = {
    "state": "state",
    "application": "subject_app",
    "unit": "subject_unit",
    "scope": "scope",
    "rule": "rule",
}
"""What the feed can be narrowed by, and the column it stands for."""
ANOMALY_FILTERS = FACETS | {"instance": "subject_instance"}
REPORT_FILTERS: dict[str, str] = {
    "application": "subject_app",
    "unit": "subject_unit",
    "instance": "subject_instance",
    "reporter": "reporter_instance",
    "origin": "origin",
    "scope": "scope",
    "rule": "rule",
    "phase": "phase",
}
FACET_VALUES = 8
LOUDEST = 3
"""Reporters that a row of the feed names; how many there are stands beside them."""


class FacetValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a facet and how many anomalies have it under all the other facets."""

    value: str
    count: int


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """One way to narrow the feed; the commonest values first."""

    name: str
    values: list[FacetValue]


class Facets(msgspec.Struct, frozen=True):
    """All of them, in the order of FACETS."""

    facets: list[Facet]


def anomaly_list(picked: Mapping[str, str], *, text: str = "") -> QuerySet[Anomaly]:
    """Anomalies, newest first, each with its `loudest` reporters; `picked` is by the names of
    ANOMALY_FILTERS."""
    loudest = Testimony.objects.order_by("-report_count", "reporter_instance")[:LOUDEST]
    rows = _narrowed(_matching(text), picked).order_by("-last_at", "-id")
    return rows.prefetch_related(Prefetch("testimonies", loudest, to_attr="loudest"))


def anomaly_facets(picked: Mapping[str, str], *, text: str = "") -> Facets:
    """The facets of the feed as it is narrowed now."""
    rows = _matching(text)
    return Facets([_facet(rows, picked, name) for name in FACETS])


def anomaly_open_count() -> int:
    """How many are open."""
    return Anomaly.objects.filter(state=AnomalyState.OPEN).count()


def anomaly_get(pk: int) -> Anomaly:
    """One anomaly with what each reporter said; NotFound."""
    said = Prefetch("testimonies", Testimony.objects.order_by("-said_at"))
    found = Anomaly.objects.prefetch_related(said).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no anomaly {pk}; closed ones are kept for a month.")
    return found


def report_list(
    picked: Mapping[str, str], *, anomaly: int | None = None
) -> QuerySet[AnomalyReport]:
    """Evidence, newest first; `picked` is by the names of REPORT_FILTERS."""
    rows = AnomalyReport.objects.order_by("-id")
    if anomaly is not None:
        rows = rows.filter(anomaly=anomaly)
    return rows.filter(**_columns(picked, REPORT_FILTERS))


def quarantine_list() -> QuerySet[Quarantine]:
    """Whose reports were not believed and why, latest first."""
    return Quarantine.objects.order_by("-last_at", "-id")


def _matching(text: str) -> QuerySet[Anomaly]:
    rows = Anomaly.objects.all()
    if text:
        rows = rows.filter(
            Q(subject_instance__icontains=text)
            | Q(subject_address__icontains=text)
            | Q(subject_app__icontains=text)
        )
    return rows


def _narrowed(rows: QuerySet[Anomaly], picked: Mapping[str, str]) -> QuerySet[Anomaly]:
    return rows.filter(**_columns(picked, ANOMALY_FILTERS))


def _columns(picked: Mapping[str, str], filters: Mapping[str, str]) -> dict[str, str]:
    return {column: picked[name] for name, column in filters.items() if picked.get(name)}


def _facet(rows: QuerySet[Anomaly], picked: Mapping[str, str], name: str) -> Facet:
    column = FACETS[name]
    others = {other: value for other, value in picked.items() if other != name}
    counted = (
        _narrowed(rows, others)
        .order_by()
        .values_list(column)
        .annotate(n=Count("pk"))
        .order_by("-n", column)[:FACET_VALUES]
    )
    return Facet(
        name=name, values=[FacetValue(value=value, count=n) for value, n in counted if value]
    )


def quarantine_count() -> int:
    """How many reports were not believed, of all that are still remembered."""
    return Quarantine.objects.aggregate(n=Sum("report_count"))["n"] or 0
