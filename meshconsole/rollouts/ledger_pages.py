"""The raw counters behind "0 cut of N": by edge for the page, by sidecar for download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshconsole.core.pages import live
from meshconsole.rollouts import pages
from meshconsole.rollouts.selectors import rollout_shown
from meshconsole.rollouts.shapes import RolloutShown
from meshconsole.telemetry import links
from meshconsole.telemetry.links import EdgeLedger, LinkTotals, Told

EDGE_ROWS = 60
_FORMULA = ("=", "+", "-", "@")
_TOTALS = LinkTotals.__struct_fields__
COLUMNS = (
    "sidecar", "boot", "application", "side", "peer_application", "peer_unit", "peer_instance",
    "protocol", "encrypted", "generation", *_TOTALS,
)  # fmt: skip


def edges_of(shown: RolloutShown) -> list[EdgeLedger] | None:
    """Edges from and to what the rollout changes, busiest first; None while Redis is away."""
    told = live(links.read)
    return None if told is None else links.ledger(told, app=shown.application)[:EDGE_ROWS]


@require_safe
def ledger_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Every counter of every sidecar at those edges, for a spreadsheet."""
    shown = rollout_shown(pk, timezone.now())
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for row in _rows(links.read(), shown.application):
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
    shown = rollout_shown(pk, now)
    cut = pages.cut_of(shown.waves)
    body = {
        "rollout": pk,
        "at": now.isoformat(),
        "cut": cut.cut if cut else None,
        "of": cut.started if cut else None,
        "waves": [
            {"number": wave.number, "ledger": msgspec.to_builtins(wave.ledger)}
            for wave in shown.waves
        ],
        "counters": list(_rows(links.read(), shown.application)),
    }
    return JsonResponse(
        body,
        headers={"Content-Disposition": f'attachment; filename="rollout-{pk}-ledger.json"'},
    )


def _rows(told: list[Told], application: str) -> Iterator[dict[str, Any]]:
    for one in told:
        for edge in one.edges:
            if application and application not in (one.app, edge.app):
                continue
            yield {
                "sidecar": one.instance,
                "boot": one.boot,
                "application": one.app,
                "side": edge.side,
                "peer_application": edge.app,
                "peer_unit": edge.unit,
                "peer_instance": edge.instance,
                "protocol": edge.protocol,
                "encrypted": edge.encrypted,
                "generation": edge.generation,
                **{name: getattr(edge, name) for name in _TOTALS},
            }


def _cell(value: Any) -> Any:
    """A spreadsheet must not take what a sidecar says for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
