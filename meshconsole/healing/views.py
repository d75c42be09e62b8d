"""The live feed of anomalies with its facets, and the evidence behind one of them."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from meshconsole.core.pages import page_of, search_of
from meshconsole.healing.models import Anomaly
from meshconsole.healing.states import AnomalyState

FACET_ROWS = 8
REPORT_ROWS = 100
_FIELDS = {
    "state": "state",
    "application": "subject_app",
    "unit": "subject_unit",
    "rule": "rule",
}


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """Every anomaly, newest first, held up to date."""
    return render(request, "healing/feed.html", _feed(request))


@require_safe
def feed_rows(request: HttpRequest) -> HttpResponse:
    """The rows and facets again."""
    return render(request, "healing/_feed_rows.html", _feed(request))


@require_safe
def anomaly(request: HttpRequest, pk: int) -> HttpResponse:
    """One anomaly: who saw what, and the samples they kept."""
    found = get_object_or_404(Anomaly, pk=pk)
    context = {
        "anomaly": found,
        "testimonies": found.testimonies.order_by("-said_at"),
        "reports": found.reports.order_by("-window_end", "-id")[:REPORT_ROWS],
        "report_rows": REPORT_ROWS,
    }
    return render(request, "healing/anomaly.html", context)


def _feed(request: HttpRequest) -> dict[str, Any]:
    picked = {name: search_of(request, name) for name in _FIELDS}
    text = search_of(request)
    rows = Anomaly.objects.order_by("-last_at", "-id")
    if text:
        rows = rows.filter(Q(subject_instance__icontains=text) | Q(subject_address__icontains=text))
    return {
        "page": page_of(_narrowed(rows, picked), request),
        "facets": [_facet(request, rows, picked, name) for name in _FIELDS],
        "picked": picked,
        "q": text,
        "is_filtered": bool(text or any(picked.values())),
        "open_count": Anomaly.objects.filter(state=AnomalyState.OPEN).count(),
    }


def _narrowed(rows: QuerySet[Anomaly], picked: dict[str, str]) -> QuerySet[Anomaly]:
    return rows.filter(**{_FIELDS[name]: value for name, value in picked.items() if value})


def _facet(
    request: HttpRequest, rows: QuerySet[Anomaly], picked: dict[str, str], name: str
) -> dict[str, Any]:
    """The values of one facet with their counts under all the other facets."""
    others = {other: value for other, value in picked.items() if other != name}
    counted = (
        _narrowed(rows, others)
        .order_by()
        .values_list(_FIELDS[name])
        .annotate(n=Count("pk"))
        .order_by("-n", _FIELDS[name])[:FACET_ROWS]
    )
    return {
        "name": name,
        "values": [
            {
                "value": value,
                "count": count,
                "is_current": value == picked[name],
                "query": _query(request, name, "" if value == picked[name] else value),
            }
            for value, count in counted
        ],
    }


def _query(request: HttpRequest, name: str, value: str) -> str:
    """The address with one facet set or cleared, from its first page."""
    query = request.GET.copy()
    query.pop("page", None)
    query[name] = value
    return f"?{query.urlencode()}"
