"""Is this console alive and ready: for probes and for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client.core import GaugeMetricFamily, Metric

from meshconsole.core import redis, revision


@login_not_required
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers; Redis may be down, the console then works degraded."""
    database = database_answers()
    parts = {
        "database": "ok" if database else "down",
        "redis": "degraded" if redis.is_degraded() else "ok",
    }
    status = 200 if database else 503
    if "verbose" in request.GET:
        return JsonResponse({"ready": database, "parts": parts}, status=status)
    return HttpResponse("ok\n" if database else "down\n", status=status, content_type="text/plain")


def families() -> Iterator[Metric]:
    """The shared floor for Prometheus: what answers, and the revision."""
    yield GaugeMetricFamily(
        "meshconsole_redis_up", "1 when Redis answers.", value=not redis.is_degraded()
    )
    database = database_answers()
    yield GaugeMetricFamily(
        "meshconsole_database_up", "1 when the database answers.", value=database
    )
    if database:
        yield GaugeMetricFamily(
            "meshconsole_revision", "Revision of intent.", value=revision.current()
        )


def database_answers() -> bool:
    """Does the database answer a trivial question?"""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        return False
    return True
