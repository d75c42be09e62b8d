"""Which snapshot every sidecar runs: desired against acked, refusals with their path."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meshconsole.core import revision
from meshconsole.core.pages import live, page_of, search_of
from meshconsole.discovery.selectors import compilation
from meshconsole.inventory import selectors, sync
from meshconsole.inventory.models import Source

STATES: tuple[sync.State, ...] = ("nacked", "stale", "pending", "offline", "in step")
"""Worst first, as they are listed."""
_LOOKS: dict[sync.State, str] = {
    "nacked": "bad",
    "stale": "warn",
    "pending": "info",
    "offline": "idle",
    "in step": "ok",
}


@require_safe
def sidecars(request: HttpRequest) -> HttpResponse:
    """Every sidecar and how it stands to what it shall run."""
    return render(request, "discovery/sidecars.html", _sidecars(request))


@require_safe
def sidecars_table(request: HttpRequest) -> HttpResponse:
    """The figures and rows again."""
    return render(request, "discovery/_sidecars.html", _sidecars(request))


def _sidecars(request: HttpRequest) -> dict[str, Any]:
    text, state = search_of(request), search_of(request, "state")
    application, unit = search_of(request, "application"), search_of(request, "unit")
    known, progress = live(sync.fleet) or (None, None)
    rows = [
        each
        for each in known or ()
        if _matches(each, text)
        and application in ("", each.application)
        and unit in ("", each.unit)
    ]
    counts = Counter(each.state for each in rows)
    shown = [each for each in rows if not state or each.state == state]
    shown.sort(key=lambda each: (STATES.index(each.state), each.instance))
    return {
        "is_known": known is not None,
        "registered_count": selectors.instances().filter(source=Source.SIDECAR).count(),
        "total": len(known or ()),
        "page": page_of(shown, request),
        "counts": [
            {"state": name, "count": counts[name], "is_current": name == state}
            for name in STATES
            if counts[name] or name == state
        ],
        "strip": {_LOOKS[name]: counts[name] for name in reversed(STATES)},
        "progress": progress,
        "compilation": live(compilation),
        "revision": revision.current(),
        "q": text,
        "state": state,
        "picked_application": application,
        "picked_unit": unit,
        "applications": sorted({each.application for each in known or ()}),
        "units": sorted({each.unit for each in known or ()}),
        "is_filtered": bool(text or state or application or unit),
    }


def _matches(each: sync.SyncState, text: str) -> bool:
    return text.lower() in each.instance.lower() or text.lower() in each.variant.lower()
