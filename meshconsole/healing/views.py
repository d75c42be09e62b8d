"""The live feed of anomalies with its facets, and the evidence behind one of them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meshconsole.core.pages import page_of, search_of
from meshconsole.healing.cases.selectors import case_open_of
from meshconsole.healing.evidence import selectors
from meshconsole.healing.evidence.facets import facet_links
from meshconsole.healing.evidence.models import Scope

REPORT_ROWS = 100


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """Every anomaly, newest first, held up to date."""
    context = _feed(request) | {"quarantined": selectors.quarantine_count()}
    return render(request, "healing/feed.html", context)


@require_safe
def feed_rows(request: HttpRequest) -> HttpResponse:
    """The rows and facets again."""
    return render(request, "healing/_feed_rows.html", _feed(request))


@require_safe
def quarantine(request: HttpRequest) -> HttpResponse:
    """Reports that were not believed: by whom, why, how many, and the last of them."""
    return render(
        request, "healing/quarantine.html", {"page": page_of(selectors.quarantine_list(), request)}
    )


@require_safe
def anomaly(request: HttpRequest, pk: int) -> HttpResponse:
    """One anomaly: who saw what, and the samples they kept."""
    found = selectors.anomaly_get(pk)
    context = {
        "anomaly": found,
        "testimonies": found.testimonies.all(),
        "case": case_open_of(found.subject_instance) if found.scope == Scope.INSTANCE else None,
        "reports": selectors.report_list({}, anomaly=pk)[:REPORT_ROWS],
        "report_rows": REPORT_ROWS,
    }
    return render(request, "healing/anomaly.html", context)


def _feed(request: HttpRequest) -> dict[str, Any]:
    picked = {name: search_of(request, name) for name in selectors.FACETS}
    text = search_of(request)
    facets = selectors.anomaly_facets(picked, text=text).facets
    return {
        "page": page_of(selectors.anomaly_list(picked, text=text), request),
        "facets": facet_links(request, facets, picked),
        "picked": picked,
        "q": text,
        "is_filtered": bool(text or any(picked.values())),
    }
