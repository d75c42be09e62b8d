"""The raw counters behind "0 cut of N": by edge for the page, by sidecar for download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshconsole.core.pages import live
from meshconsole.rollouts import pages
from meshconsole.rollouts.keeping import (
    COLUMNS,
    EDGE_ROWS,
    counters_kept,
    counters_of,
    edges_kept,
    ledger_kept,
)
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.selectors import rollout_get, rollout_shown
from meshconsole.telemetry import links
from meshconsole.telemetry.links import EdgeLedger

_FORMULA = ("=", "+", "-", "@")


class LedgerShown(NamedTuple):
    """The edges of a page, busiest first."""

    edges: list[EdgeLedger] | None
    """None when they are not known: Redis is away, or was when the rollout ended."""
    kept_at: datetime | None
    """When the rollout ended; None of one whose sidecars count on."""
    left_out: int = 0
    """Rows of counters that were too many to keep."""


def ledger_of(row: Rollout) -> LedgerShown:
    """Edges from and to what the rollout changes: as they are now, or were when it ended."""
    kept = ledger_kept(row)
    if kept is not None:
        return LedgerShown(edges_kept(kept) if kept.is_known else None, kept.at, kept.left_out)
    told = live(links.read)
    edges = None if told is None else links.ledger(told, app=row.application)[:EDGE_ROWS]
    return LedgerShown(edges, None)


@require_safe
def ledger_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Every counter of every sidecar at those edges, for a spreadsheet."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in _counters(rollout_get(pk)):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="rollout-{pk}-ledger.csv"'},
    )


@require_safe
def ledger_json(request: HttpRequest, pk: int) -> HttpResponse:
    """The same as JSON, with what each wave has seen since it began."""
    now = timezone.now()
    row, shown = rollout_get(pk), rollout_shown(pk, now)
    kept = ledger_kept(row)
    cut = pages.cut_of(shown.waves)
    body = {
        "rollout": pk,
        "at": (kept.at if kept is not None else now).isoformat(),
        "is_final": kept is not None,
        "cut": cut.cut if cut else None,
        "of": cut.started if cut else None,
        "waves": [
            {"number": wave.number, "ledger": msgspec.to_builtins(wave.ledger)}
            for wave in shown.waves
        ],
        "counters": list(_counters(row)),
    }
    return JsonResponse(
        body,
        headers={"Content-Disposition": f'attachment; filename="rollout-{pk}-ledger.json"'},
    )


def _counters(row: Rollout) -> Iterable[dict[str, Any]]:
    kept = ledger_kept(row)
    if kept is not None:
        return counters_kept(kept)
    return counters_of(links.read(), row.application)


def _cell(value: Any) -> Any:
    """A spreadsheet must not take what a sidecar says for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
