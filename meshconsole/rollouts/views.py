"""Pages of rollouts: the list, and one rollout that is followed while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import page_verb, require
from meshconsole.core.errors import MeshError
from meshconsole.core.pages import page_of, search_of
from meshconsole.inventory.models import Application
from meshconsole.rollouts import ledger_pages, pages, selectors, services
from meshconsole.rollouts.actions import approver_check, rollout_actions
from meshconsole.rollouts.charts import chart_of
from meshconsole.rollouts.kinds.registry import KINDS
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.states import MOVING, TERMINAL, RolloutState
from meshconsole.rollouts.typed import confirm_check

INSTANCE_ROWS = 200
LOG_ROWS = 100


@require_safe
def rollouts(request: HttpRequest) -> HttpResponse:
    """Every rollout, newest first."""
    picked = {name: search_of(request, name) for name in selectors.FILTERS}
    page = page_of(selectors.rollout_list(picked), request)
    page.object_list = [
        {"row": row, "title": pages.title_of(row.kind, row.application, row.spec)}
        for row in page.object_list
    ]
    context = {
        "page": page,
        "picked": picked,
        "is_filtered": any(picked.values()),
        "kinds": [(name, pages.kind_word(name)) for name in KINDS],
        "states": RolloutState.choices,
        "applications": Application.objects.order_by("name").values_list("name", flat=True),
    }
    return render(request, "rollouts/rollouts.html", context)


@require_safe
def rollout(request: HttpRequest, pk: int) -> HttpResponse:
    """One rollout: its waves, its gates, its ledger and its log."""
    return render(request, "rollouts/rollout.html", _shown(request, pk))


@require_safe
def rollout_live(request: HttpRequest, pk: int) -> HttpResponse:
    """Its moving part again."""
    return render(request, "rollouts/_rollout.html", _shown(request, pk))


def verb_page(name: str) -> Callable[..., HttpResponse]:
    """The form of one verb: done, it goes back to the page; refused, it says why."""
    verb = name.removeprefix("rollout_")
    act: Callable[..., Rollout] = getattr(services, name)

    @require_POST
    @page_verb(name)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        try:
            if name == "rollout_approve":
                approver_check(request.user, pk)
            act(pk=pk, now=timezone.now(), **_given(request, pk, name))
        except MeshError as error:
            return _refused(request, pk, error)
        if "HX-Request" in request.headers:
            return HttpResponse(headers={"HX-Redirect": request.path.removesuffix(f"{verb}/")})
        return redirect("rollouts:rollout", pk)

    view.__name__, view.__doc__ = name, f"To {verb} a rollout."
    return view


def _given(request: HttpRequest, pk: int, name: str) -> dict[str, Any]:
    given: dict[str, Any] = {"actor": request.user.get_username()}
    if name == "rollout_plan":
        return given
    given["reason"] = request.POST.get("reason", "").replace("\x00", "").strip()
    if name in pages.BYPASSABLE and "bypass" in request.POST:
        require(request.user, "rollout_bypass")
        given["bypass"] = True
    actions = rollout_actions(selectors.rollout_get(pk), given["actor"])
    wanted = next(one.confirm for one in actions if one.name == name)
    confirm_check(wanted, request.POST.get("confirm", ""))
    return given


def _refused(request: HttpRequest, pk: int, error: MeshError) -> HttpResponse:
    """The sentence: inside of the dialog that asked, or on top of the page."""
    faults = [each["detail"] for each in error.errors if each["detail"] not in error.detail]
    said: dict[str, Any] = {"refusal": error, "faults": faults}
    if "HX-Request" in request.headers:
        return render(request, "rollouts/_refusal.html", said, status=error.status)
    return render(request, "rollouts/rollout.html", _shown(request, pk) | said, status=error.status)


def _shown(request: HttpRequest, pk: int) -> dict[str, Any]:
    now = timezone.now()
    row = selectors.rollout_get(pk)
    shown = selectors.rollout_shown(pk, now)
    decisions = list(selectors.decisions_of(pk))
    trip = pages.trip_of(shown, decisions)
    wave = pages.wave_picked(shown, request.GET.get("wave", ""), trip)
    return {
        "rollout": shown,
        "title": pages.title_of(shown.kind, shown.application, shown.spec),
        "kind_word": pages.kind_word(shown.kind),
        "is_moving": shown.state in MOVING,
        "is_over": shown.state in TERMINAL,
        "buttons": pages.buttons_of(row, request.user),
        "trip": trip,
        "brake": pages.brake_of(shown.braked_by),
        "have_count": pages.have_count(shown),
        "cut": pages.cut_of(shown.waves),
        "wave": wave,
        "is_picked": request.GET.get("wave", ""),
        "charts": [chart_of(gate) for gate in wave.gates] if wave else [],
        "targets": wave.targets[:INSTANCE_ROWS] if wave else [],
        "ledger": ledger_pages.ledger_of(row),
        "decisions": decisions[: -LOG_ROWS - 1 : -1],
        "decision_count": len(decisions),
    }
