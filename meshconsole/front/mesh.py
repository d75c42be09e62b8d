"""Pages of applications, units and instances, with their traffic and their sidecars' state."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from meshconsole.core.pages import live, page_of, search_of
from meshconsole.encryption.models import Certificate
from meshconsole.front.instance_health import health_of
from meshconsole.healing.casebook.buttons import removal_button
from meshconsole.healing.cases.selectors import case_list
from meshconsole.healing.cases.troubles import troubles_of
from meshconsole.healing.evidence.states import OPEN
from meshconsole.healing.models import Anomaly
from meshconsole.inventory import selectors, sync
from meshconsole.inventory.models import Application, Instance, Source, Unit
from meshconsole.inventory.states import InstanceState
from meshconsole.rollouts.pages import rollouts_of
from meshconsole.steering.models import Route
from meshconsole.telemetry import selectors as telemetry
from meshconsole.telemetry.figures import Figures
from meshconsole.telemetry.views import mini_graph

MINUTES = 5
ANOMALY_ROWS = 10
CASE_ROWS = 5


@require_safe
def applications(request: HttpRequest) -> HttpResponse:
    """Every application with its traffic."""
    wanted = search_of(request)
    page = page_of(
        selectors.applications().filter(name__icontains=wanted).order_by("name"), request
    )
    traffic = _application_figures()
    page.object_list = [
        {"application": each, "figures": (traffic or {}).get(each.name)}
        for each in page.object_list
    ]
    return render(request, "front/applications.html", {"page": page, "q": wanted})


@require_safe
def application(request: HttpRequest, name: str) -> HttpResponse:
    """One application at a glance."""
    found = selectors.application_get(name)
    route = Route.objects.filter(application=found).first()
    context = {
        "name": found.name,
        "tab": "overview",
        "application": found,
        "route": route,
        "groups": selectors.groups(found.name),
        "figures": (_application_figures() or {}).get(found.name),
        "interfaces": live(lambda: telemetry.interfaces(app=found.name, minutes=MINUTES)),
        "mini": mini_graph(MINUTES, app=found.name),
        "anomalies": _anomalies(subject_app=found.name),
        "cases": case_list({"application": found.name})[:CASE_ROWS],
        "rollouts": rollouts_of(found.name),
    }
    return render(request, "front/application.html", context)


@require_safe
def application_instances(request: HttpRequest, name: str) -> HttpResponse:
    """The instances of one application."""
    found = selectors.application_get(name)
    context = _instances(request, application=found.name)
    return render(
        request,
        "front/application_instances.html",
        context | {"name": found.name, "tab": "instances"},
    )


@require_safe
def units(request: HttpRequest) -> HttpResponse:
    """Every unit."""
    wanted = search_of(request)
    page = page_of(selectors.units().filter(name__icontains=wanted).order_by("name"), request)
    return render(request, "front/units.html", {"page": page, "q": wanted})


@require_safe
def unit(request: HttpRequest, name: str) -> HttpResponse:
    """One unit and the instances in it."""
    found = selectors.unit_get(name)
    context = _instances(request, unit=found.name)
    return render(request, "front/unit.html", context | {"unit": found})


@require_safe
def instances(request: HttpRequest) -> HttpResponse:
    """Every instance, by application, unit, state or a part of its name."""
    context = _instances(
        request,
        application=search_of(request, "application"),
        unit=search_of(request, "unit"),
    )
    context |= {
        "applications": Application.objects.values_list("name", flat=True),
        "units": Unit.objects.values_list("name", flat=True),
    }
    return render(request, "front/instances.html", context)


@require_safe
def instance(request: HttpRequest, name: str) -> HttpResponse:
    """One instance: what it is, what it takes in, what its sidecar holds."""
    found = selectors.instance_get(name)
    states = live(lambda: sync.sync_states([found]))
    context: dict[str, Any] = {
        "instance": found,
        "has_sidecar": found.source == Source.SIDECAR,
        "sync": states[0] if states else None,
        "figures": (_instance_figures() or {}).get(found.instance_id),
        "certificate": Certificate.objects.filter(uri__endswith=f"/instance/{found.instance_id}")
        .order_by("-id")
        .first(),
        "anomalies": _anomalies(subject_instance=found.instance_id),
    }
    context |= health_of(found.instance_id, timezone.now())
    if found.state != InstanceState.GONE:
        context["removal"] = removal_button(found.instance_id, context["case"], request.user)
        context["title"] = f"{found.instance_id} of {found.application.name}"
    return render(request, "front/instance.html", context)


def _instances(request: HttpRequest, *, application: str = "", unit: str = "") -> dict[str, Any]:
    state = search_of(request, "state")
    if state not in InstanceState.values:
        state = ""
    wanted = search_of(request)
    rows: QuerySet[Instance] = selectors.instances(application=application, unit=unit, state=state)
    if wanted:
        rows = rows.filter(Q(instance_id__icontains=wanted) | Q(address__icontains=wanted))
    page = page_of(rows, request)
    listed: list[Instance] = list(page.object_list)
    states = live(lambda: sync.sync_states(listed))
    held = {each.instance: each for each in states or ()}
    figures = _instance_figures()
    troubles = troubles_of([each.instance_id for each in listed], timezone.now())
    page.object_list = [
        {
            "instance": each,
            "sync": held.get(each.instance_id) if each.source == Source.SIDECAR else None,
            "figures": (figures or {}).get(each.instance_id),
            "trouble": troubles.get(each.instance_id),
        }
        for each in listed
    ]
    return {
        "page": page,
        "q": wanted,
        "state": state,
        "states": InstanceState.values,
        "picked_application": application,
        "picked_unit": unit,
        "is_filtered": bool(wanted or state or application or unit),
    }


def _application_figures() -> dict[str, Figures] | None:
    found = live(lambda: telemetry.applications(minutes=MINUTES))
    return None if found is None else {each.app: each.figures for each in found}


def _instance_figures() -> dict[str, Figures] | None:
    found = live(lambda: telemetry.instances(minutes=MINUTES))
    return None if found is None else {each.instance: each.figures for each in found}


def _anomalies(**subject: str) -> QuerySet[Anomaly]:
    """Those that are open, or else the newest few."""
    rows = Anomaly.objects.filter(**subject).order_by("-last_at", "-id")
    still_open = rows.filter(state__in=OPEN)
    return (still_open if still_open.exists() else rows)[:ANOMALY_ROWS]
