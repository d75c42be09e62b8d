"""The audit trail: who did what to which object, before and after, and why."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from meshconsole.audit import selectors
from meshconsole.audit.models import AuditEntry, AuditQuerySet
from meshconsole.core.pages import page_of, search_of

EXPORTED = (
    "sequence", "at", "actor", "verb", "object", "before", "after", "reason", "address",
    "request_id", "previous_hash", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    """Every row, newest first."""
    picked, rows = _picked(request)
    return render(request, "audit/entries.html", _entries(request, rows) | {"picked": picked})


@require_safe
def application_entries(request: HttpRequest, name: str) -> HttpResponse:
    """What was done to one application and what carries its name."""
    rows = selectors.entries().filter(
        Q(object__in=[f"{kind}:{name}" for kind in ("application", "route", "encryption")])
        | Q(object__startswith=f"group:{name}/")
    )
    context = _entries(request, rows) | {"name": name, "tab": "audit"}
    return render(request, "audit/application_entries.html", context)


@require_safe
def export_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The rows that are picked, oldest first, for a spreadsheet."""
    rows = _picked(request)[1].order_by("sequence")
    return _download(_csv_lines(rows), "text/csv; charset=utf-8", "audit.csv")


@require_safe
def export_lines(request: HttpRequest) -> StreamingHttpResponse:
    """The rows that are picked, oldest first, one JSON object a line."""
    rows = _picked(request)[1].order_by("sequence")
    lines = (json.dumps(_plain(entry)) + "\n" for entry in rows.iterator(chunk_size=500))
    return _download(lines, "application/jsonl; charset=utf-8", "audit.jsonl")


def _picked(request: HttpRequest) -> tuple[dict[str, str], AuditQuerySet]:
    picked = {name: search_of(request, name) for name in ("text", "actor", "verb")}
    return picked, selectors.entries(**picked)


def _entries(request: HttpRequest, rows: AuditQuerySet) -> dict[str, Any]:
    verbs = AuditEntry.objects.order_by("verb").values_list("verb", flat=True).distinct()
    return {
        "page": page_of(rows, request),
        "verbs": list(verbs),
        "is_filtered": any(request.GET.get(name) for name in ("text", "actor", "verb")),
    }


class _Echo:
    """Gives back each line that the CSV writer makes."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(rows: AuditQuerySet) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(EXPORTED)
    for entry in rows.iterator(chunk_size=500):
        yield writer.writerow([_cell(value) for value in _plain(entry).values()])


def _plain(entry: AuditEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in EXPORTED} | {"at": entry.at.isoformat()}


def _cell(value: Any) -> Any:
    """A spreadsheet must not take a cell for a formula."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _download(lines: Iterator[str], media_type: str, name: str) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        lines,
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
