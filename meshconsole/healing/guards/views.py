"""The automation page: how far healing may go, its brakes, and its times of caution."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_time
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import page_verb
from meshconsole.core.errors import FieldFault, Invalid, MeshError
from meshconsole.healing.guards import services as guards, windows
from meshconsole.healing.guards.actions import confirm_switch
from meshconsole.healing.guards.pages import automation_shown
from meshconsole.healing.guards.selectors import kill_switches

LENGTHS = {"30": "30 minutes", "120": "2 hours", "480": "8 hours", "1440": "1 day"}
"""How long a window lasts, in minutes, as the form offers it."""


@require_safe
def automation(request: HttpRequest) -> HttpResponse:
    """All of it on one page."""
    return render(request, "healing/automation.html", _shown(request))


@require_safe
def brakes(request: HttpRequest) -> HttpResponse:
    """The banner of every page again."""
    return render(request, "healing/_brakes.html", {"brakes": list(kill_switches()[:20])})


def _shown(request: HttpRequest) -> dict[str, Any]:
    return automation_shown(timezone.now()) | {"lengths": LENGTHS}


def _form(verb: str, done: str) -> Callable[..., Any]:
    """A form of this page: done, it says so; refused, the page says why."""

    def made(act: Callable[..., None]) -> Callable[..., HttpResponse]:
        @require_POST
        @page_verb(verb)
        def view(request: HttpRequest, **where: Any) -> HttpResponse:
            try:
                act(request, **where)
            except MeshError as error:
                said = {"refusal": error}
                if "HX-Request" in request.headers:
                    return render(request, "healing/_refusal.html", said, status=error.status)
                shown = _shown(request) | said
                return render(request, "healing/automation.html", shown, status=error.status)
            messages.success(request, done)
            if "HX-Request" in request.headers:
                return HttpResponse(headers={"HX-Redirect": "/automation/"})
            return redirect("healing:automation")

        view.__name__, view.__doc__ = verb, act.__doc__
        return view

    return made


@_form("kill_switch_engage", "The kill switch is engaged: nothing new is begun.")
def switch_engage(request: HttpRequest) -> None:
    """Pull a brake."""
    application = text_of(request, "application")
    confirm_switch(application, request.POST.get("confirm", ""))
    guards.switch_engage(
        switch=text_of(request, "switch"),
        application=application,
        reason=text_of(request, "reason"),
        actor=request.user.get_username(),
        now=timezone.now(),
    )


@_form("kill_switch_release", "The kill switch is let go.")
def switch_release(request: HttpRequest, pk: int) -> None:
    """Let a brake go."""
    guards.switch_release(
        pk=pk, reason=text_of(request, "reason"), actor=request.user.get_username()
    )


@_form("maintenance_create", "The maintenance window is open.")
def window_create(request: HttpRequest) -> None:
    """Open a window, from now or a time on, for a length that the form offers."""
    now = timezone.now()
    begins_at = _moment(request, "begins_at") or now
    length = LENGTHS.get(text_of(request, "minutes")) and int(text_of(request, "minutes"))
    windows.window_create(
        scope=text_of(request, "scope"),
        name=text_of(request, "name"),
        begins_at=begins_at,
        ends_at=begins_at + timedelta(minutes=length or 0),
        reason=text_of(request, "reason"),
        actor=request.user.get_username(),
        now=now,
    )


@_form("maintenance_end", "The maintenance window is over.")
def window_end(request: HttpRequest, pk: int) -> None:
    """End a window now."""
    windows.window_end(
        pk=pk,
        reason=text_of(request, "reason"),
        actor=request.user.get_username(),
        now=timezone.now(),
    )


@_form("protected_hours_create", "The hours are protected.")
def hours_create(request: HttpRequest) -> None:
    """Protect hours of the week."""
    begins, ends = (_time(request, name) for name in ("begins", "ends"))
    windows.hours_create(
        application=text_of(request, "application"),
        weekdays=[int(day) for day in request.POST.getlist("weekdays") if day in "1234567"],
        begins=begins,
        ends=ends,
        time_zone=text_of(request, "time_zone") or "UTC",
        reason=text_of(request, "reason"),
        actor=request.user.get_username(),
        now=timezone.now(),
    )


@_form("protected_hours_end", "The hours are not protected any more.")
def hours_end(request: HttpRequest, pk: int) -> None:
    """Take protected hours away."""
    windows.hours_end(pk=pk, reason=text_of(request, "reason"), actor=request.user.get_username())


def text_of(request: HttpRequest, name: str) -> str:
    """A field of a form, as it may be stored."""
    return request.POST.get(name, "").replace("\x00", "").strip()


def _moment(request: HttpRequest, name: str) -> datetime | None:
    given = text_of(request, name)
    if not given:
        return None
    try:
        found = parse_datetime(given)
    except ValueError:
        found = None
    if found is None:
        raise _wrong(name, "Write a time as 2026-01-31T22:00, in UTC.")
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def _time(request: HttpRequest, name: str) -> Any:
    try:
        found = parse_time(text_of(request, name))
    except ValueError:
        found = None
    if found is None:
        raise _wrong(name, "Write a time of day as 22:00.")
    return found


def _wrong(name: str, sentence: str) -> Invalid:
    return Invalid(sentence, errors=[FieldFault(pointer=f"/{name}", detail=sentence)])
