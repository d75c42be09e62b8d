"""The audit trail: who did what to which object, before and after, and why."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meshconsole.audit.models import AuditEntry
from meshconsole.core.pages import page_of, search_of


@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    """Every row, newest first."""
    return render(request, "audit/entries.html", _entries(request, AuditEntry.objects.all()))


@require_safe
def application_entries(request: HttpRequest, name: str) -> HttpResponse:
    """What was done to one application and what carries its name."""
    about = AuditEntry.objects.filter(
        Q(object__in=[f"application:{name}", f"route:{name}"])
        | Q(object__startswith=f"group:{name}/")
    )
    context = _entries(request, about) | {"name": name, "tab": "audit"}
    return render(request, "audit/application_entries.html", context)


def _entries(request: HttpRequest, rows: QuerySet[AuditEntry]) -> dict[str, Any]:
    picked = {name: search_of(request, name) for name in ("actor", "verb", "object")}
    for name, value in picked.items():
        if value:
            rows = rows.filter(**{f"{name}__icontains" if name == "object" else name: value})
    return {
        "page": page_of(rows.order_by("-sequence"), request),
        "picked": picked,
        "verbs": sorted(AuditEntry.objects.order_by().values_list("verb", flat=True).distinct()),
        "is_filtered": any(picked.values()),
    }
