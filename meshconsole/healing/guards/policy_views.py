"""The form of one healing policy: the mesh's, or an application's over it."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from meshconsole.access.permissions import page_verb
from meshconsole.core.errors import FieldFault, Invalid, MeshError, NotFound
from meshconsole.healing.guards import services as guards
from meshconsole.healing.guards.actions import powers_of
from meshconsole.healing.guards.models import MESH
from meshconsole.healing.guards.pages import policy_shown
from meshconsole.healing.guards.parameters import ACTUATORS, EJECTION, PARAMETERS, Parameter
from meshconsole.healing.guards.selectors import policy_of
from meshconsole.healing.guards.services import Wish
from meshconsole.healing.guards.views import text_of
from meshconsole.inventory.models import Application

_CRITICAL = {"": None, "yes": True, "no": False}


@require_http_methods(["GET", "HEAD", "POST"])
@page_verb(guards.SET)
def mesh_policy(request: HttpRequest) -> HttpResponse:
    """The mesh's policy."""
    return _policy(request, MESH)


@require_http_methods(["GET", "HEAD", "POST"])
@page_verb(guards.SET)
def application_policy(request: HttpRequest, app: str) -> HttpResponse:
    """One application's policy."""
    if not Application.objects.filter(name=app).exists():
        raise NotFound(f"There is no application {app!r}.")
    return _policy(request, app)


def _policy(request: HttpRequest, application: str) -> HttpResponse:
    if request.method == "POST":
        return _put(request, application)
    wish = guards.wish_of(guards.policy_row(application))
    return _shown(request, application, wish)


def _put(request: HttpRequest, application: str) -> HttpResponse:
    wish = guards.wish_of(guards.policy_row(application))
    try:
        wish = _wish(request)
        guards.policy_set(
            application=application,
            wish=wish,
            reason=text_of(request, "reason"),
            actor=request.user.get_username(),
            now=timezone.now(),
            expected_version=_version(request),
            may=powers_of(request.user),
        )
    except MeshError as error:
        return _shown(request, application, wish, error)
    messages.success(request, f"The policy of {application or 'the mesh'} is in force.")
    return redirect("healing:automation")


def _shown(
    request: HttpRequest, application: str, wish: Wish, error: MeshError | None = None
) -> HttpResponse:
    own = msgspec.to_builtins(wish)
    policy = policy_of(application)
    context = policy_shown(policy, own) | {
        "application": application,
        "inherited": "As the mesh has it." if application else "As it was installed.",
        "actuators": ACTUATORS,
        "settings_text": json.dumps(own["actuator_settings"], indent=2),
        "refusal": error,
        "reason": text_of(request, "reason"),
    }
    status = error.status if error is not None else 200
    return render(request, "healing/policy.html", context, status=status)


def _wish(request: HttpRequest) -> Wish:
    return Wish(
        mode=text_of(request, "mode"),
        ejection_mode=text_of(request, "ejection_mode"),
        numbers=numbers_of(request, PARAMETERS),
        ejection=numbers_of(request, EJECTION),
        actuator=text_of(request, "actuator"),
        actuator_settings=_settings(request),
        is_critical=_CRITICAL.get(text_of(request, "is_critical")),
    )


def numbers_of(request: HttpRequest, known: dict[str, Parameter]) -> dict[str, float]:
    """The numbers that a form sets, without those left empty; raises Invalid."""
    found: dict[str, float] = {}
    for name, parameter in known.items():
        given = text_of(request, name)
        if not given:
            continue
        try:
            value = float(given)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise _wrong(name, f"{parameter.title}: {given!r} is not a number.")
        found[name] = value
    return found


def _settings(request: HttpRequest) -> dict[str, Any]:
    given = text_of(request, "actuator_settings")
    if not given:
        return {}
    try:
        found = json.loads(given)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _wrong("actuator_settings", "The actuator's settings are one JSON object.")
    return found


def _version(request: HttpRequest) -> int:
    given = text_of(request, "version")
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise _wrong("version", "The form does not say which version it changes: load it again.")
    return int(given)


def _wrong(name: str, sentence: str) -> Invalid:
    return Invalid(sentence, errors=[FieldFault(pointer=f"/{name}", detail=sentence)])
