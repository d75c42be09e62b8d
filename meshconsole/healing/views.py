"""The live feed of anomalies with its facets, and the evidence behind one of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meshconsole.core.pages import page_of, search_of
from meshconsole.healing import selectors

REPORT_ROWS = 100


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
    found = selectors.anomaly_get(pk)
    context = {
        "anomaly": found,
        "testimonies": found.testimonies.all(),
        "reports": selectors.report_list({}, anomaly=pk)[:REPORT_ROWS],
        "report_rows": REPORT_ROWS,
    }
    return render(request, "healing/anomaly.html", context)


def _feed(request: HttpRequest) -> dict[str, Any]:
    picked = {name: search_of(request, name) for name in selectors.FACETS}
    text = search_of(request)
    return {
        "page": page_of(selectors.anomaly_list(picked, text=text), request),
        "facets": _facets(request, picked, text),
        "picked": picked,
        "q": text,
        "is_filtered": bool(text or any(picked.values())),
    }


def _facets(request: HttpRequest, picked: dict[str, str], text: str) -> list[dict[str, Any]]:
    """Each value with the address that picks it, or lets it go when it is picked."""
    return [
        {
            "name": facet.name,
            "values": [
                {
                    "value": each.value,
                    "count": each.count,
                    "is_current": each.value == picked[facet.name],
                    "query": _query(
                        request, facet.name, "" if each.value == picked[facet.name] else each.value
                    ),
                }
                for each in facet.values
            ],
        }
        for facet in selectors.anomaly_facets(picked, text=text).facets
    ]


def _query(request: HttpRequest, name: str, value: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    query[name] = value
    return f"?{query.urlencode()}"
