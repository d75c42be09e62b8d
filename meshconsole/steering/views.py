"""Pages of routes: the list, and one application's split with preview, versions and progress."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import Action, allowed_actions, page_verb
from meshconsole.core.errors import Conflict, Invalid, MeshError
from meshconsole.core.pages import live, page_of, search_of
from meshconsole.inventory import sync
from meshconsole.steering import selectors, services
from meshconsole.steering.models import Route, RouteVersion
from meshconsole.steering.split import Split
from meshconsole.telemetry import selectors as telemetry

VERSIONS_PER_PAGE = 20
MEASURED_MINUTES = 1
PRESETS = ((100, 0), (90, 10), (50, 50), (10, 90), (0, 100))


@require_safe
def routes(request: HttpRequest) -> HttpResponse:
    """Every application with the split in force."""
    wanted = search_of(request)
    rows = [row for row in selectors.route_list() if wanted.lower() in row.app.lower()]
    return render(request, "steering/routes.html", {"page": page_of(rows, request), "q": wanted})


@require_safe
def route(request: HttpRequest, app: str) -> HttpResponse:
    """The split of one application, to look at and to change."""
    return render(request, "steering/route.html", _editor(request, app))


@require_POST
@page_verb("preview")
def route_preview(request: HttpRequest, app: str) -> HttpResponse:
    """What the split in the form would do; changes nothing."""
    context = _editor(request, app, wanted=_wanted(request))
    context["preview"] = selectors.split_preview(app=app, split=_wanted(request))
    return render(request, "steering/route.html", context)


@require_POST
@page_verb("split_set")
def route_split(request: HttpRequest, app: str) -> HttpResponse:
    """Put the split in the form in force."""
    try:
        services.split_set(
            application=app,
            split=_wanted(request),
            expected_version=_version(request, "version"),
            actor=request.user.get_username(),
            reason=_reason(request),
            force="force" in request.POST,
        )
    except (Conflict, Invalid) as error:
        return _refused(request, app, error, wanted=_wanted(request))
    return redirect("steering:route", app)


@require_POST
@page_verb("route_revert")
def route_revert(request: HttpRequest, app: str) -> HttpResponse:
    """Put an older version in force again."""
    to_version = _version(request, "to_version") or 0
    try:
        services.route_revert(
            application=app,
            to_version=to_version,
            expected_version=_version(request, "version"),
            actor=request.user.get_username(),
            reason=_reason(request),
            force="force" in request.POST,
        )
    except (Conflict, Invalid) as error:
        return _refused(request, app, error)
    messages.success(request, f"What version {to_version} said is in force again.")
    return redirect("steering:route", app)


@require_safe
def route_progress(request: HttpRequest, app: str) -> HttpResponse:
    """How many sidecars run the latest version."""
    return render(
        request,
        "steering/_progress.html",
        {"app": app} | _progress(selectors.version_latest(app)),
    )


@require_safe
def route_measured(request: HttpRequest, app: str) -> HttpResponse:
    """What callers really sent to each group just now."""
    return render(request, "steering/_measured.html", {"app": app} | _measured(app))


@require_safe
def route_changed(request: HttpRequest, app: str) -> HttpResponse:
    """Whether somebody else changed the route since the page was loaded."""
    seen = request.GET.get("version", "")
    latest = selectors.version_latest(app)
    is_changed = latest is not None and str(latest.version) != seen
    return render(
        request,
        "steering/_changed.html",
        {"app": app, "latest": latest if is_changed else None},
    )


@require_safe
def application_routes(request: HttpRequest, name: str) -> HttpResponse:
    """The routes tab of an application's page."""
    context = _editor(request, name)
    return render(
        request, "steering/application_routes.html", context | {"name": name, "tab": "routes"}
    )


def _refused(
    request: HttpRequest, app: str, error: MeshError, *, wanted: Split | None = None
) -> HttpResponse:
    """The same page with the sentence; what was typed stays, on top of what is in force now."""
    context = _editor(request, app, wanted=wanted)
    context["refusal"] = error
    context["needs_force"] = error.code == "group_empty"
    return render(request, "steering/route.html", context, status=error.status)


def _editor(request: HttpRequest, app: str, *, wanted: Split | None = None) -> dict[str, Any]:
    in_force = selectors.route_for(app)
    target = selectors.target_of(app)
    latest = selectors.version_latest(app)
    current = _in_force(in_force, target.groups)
    versions = Paginator(selectors.version_list(app), VERSIONS_PER_PAGE)
    return {
        "app": app,
        "route": in_force,
        "version": in_force.version if in_force else 0,
        "target": target,
        "current": current,
        "next": {**dict.fromkeys(target.groups, 0), **(wanted or current)},
        "rows": _rows(target, current, wanted or current),
        "presets": PRESETS if len(target.groups) == 2 else (),
        "latest": latest,
        "versions": versions.get_page(request.GET.get("page")),
        "actions": _actions(request, target, latest),
        **_progress(latest),
        **_measured(app),
    }


def _in_force(in_force: Route | None, groups: tuple[str, ...]) -> Split:
    split: Split = dict.fromkeys(groups, 0)
    if in_force is not None:
        split.update(in_force.split)
    return split


def _rows(
    target: selectors.Target, current: Split, wanted: Mapping[str, float]
) -> list[dict[str, Any]]:
    return [
        {
            "group": group,
            "now": current.get(group, 0),
            "next": wanted.get(group, 0),
            "serving": target.serving.get(group, 0),
        }
        for group in target.groups
    ]


def _actions(
    request: HttpRequest, target: selectors.Target, latest: RouteVersion | None
) -> dict[str, Any]:
    blocked = ""
    if not target.groups:
        blocked = "The application has no groups yet: they appear when its sidecars register."
    listed = allowed_actions(
        request.user,
        [
            Action("preview", blocked=blocked),
            Action("split_set", blocked=blocked),
            Action("route_revert", blocked="" if latest else "There is no version yet."),
        ],
    )
    return {action["name"]: action for action in listed}


def _progress(latest: RouteVersion | None) -> dict[str, Any]:
    if latest is None:
        return {"progress": None, "latest": None}
    return {"latest": latest, "progress": live(lambda: sync.progress(latest.revision))}


def _measured(app: str) -> dict[str, Any]:
    groups = live(lambda: telemetry.groups(app=app, minutes=MEASURED_MINUTES))
    if not groups:
        return {"measured": None}
    return {
        "measured": {group.group: round(group.share * 100, 1) for group in groups},
        "measured_rate": sum(group.requests_per_second for group in groups),
    }


def _wanted(request: HttpRequest) -> Split:
    """The weights of the form; what is no number stays as it is, for the checks to name."""
    prefix = "weight:"
    return {
        name.removeprefix(prefix): _number(str(value))
        for name, value in request.POST.items()
        if name.startswith(prefix)
    }


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return int(value) if value.is_integer() else value


def _version(request: HttpRequest, name: str) -> int | None:
    text = request.POST.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").replace("\x00", "").strip()
