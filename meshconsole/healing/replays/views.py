"""Pages of replays: a form that asks, the list, and one with what it found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from meshconsole.access.permissions import page_verb
from meshconsole.core.errors import FieldFault, Invalid, MeshError
from meshconsole.core.pages import page_of
from meshconsole.healing.guards.pages import MODE_TEXTS, rails_of
from meshconsole.healing.guards.parameters import EJECTION, MODES, PARAMETERS, Parameter
from meshconsole.healing.guards.policy_views import numbers_of
from meshconsole.healing.guards.selectors import policy_of
from meshconsole.healing.guards.views import text_of
from meshconsole.healing.replays.pages import ROWS, bars_of, rows_of, verdict_of
from meshconsole.healing.replays.services import (
    found_of,
    replay_get,
    replay_request,
    replays as replay_list,
)
from meshconsole.healing.replays.states import UNFINISHED
from meshconsole.inventory.models import Application

PERIODS = {"1": "last hour", "6": "last 6 hours", "24": "last day", "168": "last 7 days"}
"""In hours, as the form offers them."""


@require_http_methods(["GET", "HEAD", "POST"])
@page_verb("replay_run")
def replays(request: HttpRequest) -> HttpResponse:
    """Ask for a replay, and every one that was."""
    if request.method != "POST":
        return _shown(request)
    try:
        now = timezone.now()
        run = replay_request(
            begins_at=now - timedelta(hours=_hours(request)),
            ends_at=now,
            mode=text_of(request, "mode"),
            numbers=numbers_of(request, PARAMETERS),
            ejection=numbers_of(request, EJECTION),
            application=text_of(request, "application"),
            actor=request.user.get_username(),
            now=now,
        )
    except MeshError as error:
        return _shown(request, error)
    return redirect("healing:replay", run.pk)


@require_safe
def replay(request: HttpRequest, pk: int) -> HttpResponse:
    """One replay; it shows what was found as soon as there is anything."""
    run = replay_get(pk)
    found = found_of(run)
    context: dict[str, Any] = {
        "run": run,
        "found": found,
        "is_unfinished": run.state in UNFINISHED,
        "changed": [*run.numbers.items(), *run.ejection.items()],
    }
    if found is not None:
        context |= {
            "verdict": verdict_of(found),
            "bars": bars_of(found),
            "rows": rows_of(found),
            "row_limit": ROWS,
        }
    return render(request, "healing/replay.html", context)


def _shown(request: HttpRequest, error: MeshError | None = None) -> HttpResponse:
    policy = policy_of()
    context = {
        "page": page_of(replay_list(), request),
        "refusal": error,
        "periods": PERIODS,
        "period": text_of(request, "hours") or "24",
        "applications": Application.objects.order_by("name").values_list("name", flat=True),
        "application": text_of(request, "application"),
        "modes": [(name, MODE_TEXTS[name]) for name in MODES],
        "mode": text_of(request, "mode") or "auto",
        "rails": rails_of(policy, PARAMETERS, _typed(request, PARAMETERS)),
        "ejection_rails": rails_of(policy, EJECTION, _typed(request, EJECTION)),
    }
    status = 200 if error is None else error.status
    return render(request, "healing/replays.html", context, status=status)


def _typed(request: HttpRequest, known: dict[str, Parameter]) -> dict[str, float]:
    """What was typed, to be typed no second time; nothing when it cannot be read."""
    try:
        return numbers_of(request, known)
    except Invalid:
        return {}


def _hours(request: HttpRequest) -> int:
    given = text_of(request, "hours")
    if given not in PERIODS:
        sentence = "Choose one of the periods."
        raise Invalid(sentence, errors=[FieldFault(pointer="/hours", detail=sentence)])
    return int(given)
