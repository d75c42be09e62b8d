"""The demo's own page: which instances are broken on purpose, and buttons to break and mend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import allowed_actions, page_verb
from meshconsole.audit.services import audit_record
from meshconsole.demo.breaking import (
    FAULTS,
    CannotBreak,
    break_instance,
    faults_of,
    held,
    mend,
)
from meshconsole.demo.launch import DemoFailed, read_demo
from meshconsole.demo.state import DemoFile


@require_safe
def faults(request: HttpRequest) -> HttpResponse:
    """Every sample instance with what is wrong with it on purpose."""
    demo = _demo()
    rows, problem = [], ""
    try:
        rows = [
            {"service": each, "fault": held(demo, each) or faults_of(each)}
            for each in demo.services
        ]
    except CannotBreak as error:
        problem = str(error)
    context = {
        "rows": rows,
        "problem": problem,
        "faults": FAULTS,
        "may": {each["name"]: each for each in allowed_actions(request.user, ["demo_break"])},
        "broken": sum(bool(row["fault"]) for row in rows),
    }
    return render(request, "demo/faults.html", context)


@require_POST
@page_verb("demo_break")
def fault_make(request: HttpRequest) -> HttpResponse:
    """Break one instance."""
    instance, kind = request.POST.get("instance", ""), request.POST.get("kind", "")
    return _done(request, instance, kind, lambda demo: break_instance(demo, instance, kind))


@require_POST
@page_verb("demo_break")
def fault_mend(request: HttpRequest) -> HttpResponse:
    """Mend one instance, or all."""
    instance = request.POST.get("instance", "")
    return _done(request, instance, "", lambda demo: mend(demo, instance))


def _done(
    request: HttpRequest, instance: str, kind: str, work: Callable[[DemoFile], str]
) -> HttpResponse:
    demo = _demo()
    try:
        messages.success(request, work(demo))
    except CannotBreak as error:
        messages.error(request, str(error))
        return redirect("demo:faults")
    after: dict[str, Any] = {"fault": kind or "none"}
    with transaction.atomic():
        audit_record(
            actor=request.user.get_username(),
            verb="demo_break",
            object=f"instance:{instance}",
            after=after,
            reason="A fault on purpose, in the demo." if kind else "The fault is ended.",
        )
    return redirect("demo:faults")


def _demo() -> DemoFile:
    if not settings.MESH_DEMO:
        raise Http404("This is no demo.")
    try:
        return read_demo(settings.STATE_DIR)
    except DemoFailed as error:
        raise Http404(str(error)) from error
