"""The first page: is anything wrong, is it encrypted, what is being changed, in five seconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshconsole.core.pages import live
from meshconsole.encryption.models import Certificate
from meshconsole.healing.cases.selectors import case_list, case_open_count, case_waiting_count
from meshconsole.healing.evidence.states import OPEN
from meshconsole.healing.models import Anomaly, AnomalyReport, HealingCase
from meshconsole.inventory import selectors as inventory, sync
from meshconsole.rollouts.pages import rollouts_now
from meshconsole.steering.models import Route, RouteVersion
from meshconsole.telemetry import selectors as telemetry
from meshconsole.telemetry.figures import Point
from meshconsole.telemetry.views import mini_graph

MINUTES = 5
SERIES_MINUTES = 15
FEED_ROWS = 7
BUSIEST_ROWS = 8
CASE_ROWS = 5
_BARS = 30


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    return render(request, "front/overview.html", _facts())


@require_safe
def overview_live(request: HttpRequest) -> HttpResponse:
    """Its moving part again."""
    return render(request, "front/_overview.html", _facts())


def _facts() -> dict[str, Any]:
    now = timezone.now()
    points = live(lambda: telemetry.series(minutes=SERIES_MINUTES))
    return {
        "minutes": MINUTES,
        "counts": inventory.counts(),
        "sync": live(sync.progress),
        "encryption": _encryption(points, now),
        "limiting": _limiting(points),
        "steering": _steering(now),
        "healing": _healing(now),
        "mini": mini_graph(MINUTES),
        "rollouts": rollouts_now(),
        "cases": case_list({"state": "open"})[:CASE_ROWS],
        "busiest": (live(lambda: telemetry.applications(minutes=MINUTES)) or [])[:BUSIEST_ROWS],
        "anomalies": Anomaly.objects.order_by("-last_at", "-id")[:FEED_ROWS],
    }


def _encryption(points: list[Point] | None, now: datetime) -> dict[str, Any]:
    in_use = Certificate.objects.filter(ends_at__gt=now).exclude(purpose=Certificate.Purpose.SERVER)
    latest = in_use.values("uri").annotate(until=Max("ends_at"))
    ends = sorted(row["until"] for row in latest)
    return {
        "share": live(lambda: telemetry.encrypted_share(minutes=MINUTES)),
        "certificate_count": len(ends),
        "next_end": ends[0] if ends else None,
        "series": [point.encrypted_ratio for point in points or ()],
    }


def _limiting(points: list[Point] | None) -> dict[str, Any]:
    edges = live(lambda: telemetry.edges(minutes=1)) or []
    rates: dict[tuple[str, str], float] = {}
    for edge in edges:
        key = (edge.app, edge.interface)
        rates[key] = rates.get(key, 0.0) + edge.figures.requests_per_second
    busiest = max(rates.items(), key=lambda item: item[1], default=None)
    return {
        "app": busiest[0][0] if busiest else "",
        "interface": busiest[0][1] if busiest else "",
        "rate": busiest[1] if busiest else None,
        "series": [point.requests_per_second for point in points or ()],
    }


def _steering(now: datetime) -> dict[str, Any]:
    latest = RouteVersion.objects.select_related("route__application").order_by("-at").first()
    since = now - timedelta(hours=1)
    changes = RouteVersion.objects.filter(at__gt=since).values_list("at", flat=True)
    return {
        "route_count": Route.objects.count(),
        "latest": latest,
        "progress": live(lambda: sync.progress(latest.revision)) if latest else None,
        "series": _counted(changes, since, now),
    }


def _healing(now: datetime) -> dict[str, Any]:
    since = now - timedelta(minutes=30)
    failing = AnomalyReport.objects.filter(received_at__gt=since, phase="failing")
    return {
        "case_count": case_open_count(),
        "waiting_count": case_waiting_count(),
        "anomaly_count": Anomaly.objects.filter(state__in=OPEN).count(),
        "latest": HealingCase.objects.order_by("-since").first(),
        "series": _counted(failing.values_list("received_at", flat=True)[:5000], since, now),
    }


def _counted(moments: Iterable[datetime], since: datetime, now: datetime) -> list[float]:
    """How many fell into each of the equal parts of a span."""
    bars = [0.0] * _BARS
    step = (now - since).total_seconds() / _BARS
    for moment in moments:
        bars[min(_BARS - 1, max(0, int((moment - since).total_seconds() / step)))] += 1
    return bars
