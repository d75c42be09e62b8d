"""The wizard: choose what to change, see its waves and what is in the way, start exactly that."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import allowed_actions, can, page_verb, require
from meshconsole.core.errors import Conflict, Invalid, MeshError
from meshconsole.healing.guards.selectors import killed
from meshconsole.rollouts import services
from meshconsole.rollouts.actions import rollout_actions
from meshconsole.rollouts.brakes import SWITCH
from meshconsole.rollouts.choices import applications_offered, fields_of, kinds_offered
from meshconsole.rollouts.freezes import freeze_for
from meshconsole.rollouts.guards import owner_of
from meshconsole.rollouts.kinds.registry import KINDS
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.pages import title_of
from meshconsole.rollouts.planning import preview_of, rollout_of
from meshconsole.rollouts.previews import blockers_linked, gates_told, waves_previewed
from meshconsole.rollouts.states import RolloutState
from meshconsole.rollouts.typed import confirm_check
from meshconsole.rollouts.wishes import (
    Wish,
    carried,
    command_of,
    differences,
    document_of,
    given_of,
    plan_again,
    plan_of,
    wish_again,
    wish_of,
)

WIZARD = "rollouts/new.html"


@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """The empty form, for the kind and the application of the address."""
    return render(request, WIZARD, _form(request, request.GET))


@require_POST
@page_verb("preview")
def preview(request: HttpRequest) -> HttpResponse:
    """What the rollout in the form would do; changes nothing."""
    context = _form(request, request.POST)
    try:
        context |= _preview(request, wish_of(request.POST))
    except MeshError as error:
        return _refused(request, context, error)
    return render(request, WIZARD, context)


@require_POST
@page_verb("rollout_create")
def create(request: HttpRequest) -> HttpResponse:
    """Make the rollout that was previewed, and start it unless it is to be kept as a draft."""
    context = _form(request, request.POST)
    try:
        wish = msgspec.structs.replace(
            wish_again(request.POST.get("wish", "")),
            reason=request.POST.get("reason", "").replace("\x00", "").strip(),
        )
        context = _form(request, given_of(wish)) | _preview(request, wish)
        before, after = plan_again(request.POST.get("plan", "")), plan_of(context["preview"])
        context["differences"] = differences(before, after)
        if context["differences"]:
            raise Conflict(
                "The mesh has changed since you looked: here is the plan as it is now.",
                code="plan_changed",
            )
        row = _made(request, wish, context["confirm"])
    except MeshError as error:
        return _refused(request, context, error)
    url = reverse("rollouts:rollout", args=[row.pk])
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _made(request: HttpRequest, wish: Wish, confirm: str) -> Rollout:
    """All of it or nothing: a rollout that could not start is not left behind as a draft."""
    actor, now = request.user.get_username(), timezone.now()
    is_started = "draft" not in request.POST
    bypass = "bypass" in request.POST
    if is_started:
        require(request.user, "rollout_start")
        confirm_check(confirm, request.POST.get("confirm", ""))
    if bypass:
        require(request.user, "rollout_bypass")
    with transaction.atomic():
        row = services.rollout_create(
            kind=wish.kind,
            application=wish.application,
            spec=wish.spec,
            actor=actor,
            now=now,
            reason=wish.reason,
            request_key=request.POST.get("once", "")[:64] or None,
        )
        if row.state != RolloutState.DRAFT:
            return row
        services.rollout_plan(pk=row.pk, actor=actor, now=now)
        if is_started:
            services.rollout_start(
                pk=row.pk, actor=actor, now=now, reason=wish.reason, bypass=bypass
            )
    return row


def _form(request: HttpRequest, given: Any) -> dict[str, Any]:
    kind = given.get("kind", "")
    if kind not in KINDS:
        kind = next(iter(KINDS))
    applications = applications_offered(kind)
    application = given.get("application")
    if application not in dict(applications):
        application = applications[0][0] if applications else ""
    return {
        "kind": kind,
        "kinds": kinds_offered(),
        "application": application,
        "applications": applications,
        "given": given,
        "may_start": allowed_actions(request.user, ["rollout_create"])[0],
        "may_bypass": bool(can(request.user, "rollout_bypass")),
        **fields_of(kind, application, given),
    }


def _preview(request: HttpRequest, wish: Wish) -> dict[str, Any]:
    now = timezone.now()
    row = rollout_of(wish.kind, wish.application, wish.spec)
    found = preview_of(row, now)
    row.state = RolloutState.PREVIEWED
    actions = {one.name: one for one in rollout_actions(row, request.user.get_username())}
    return {
        "preview": found,
        "title": title_of(wish.kind, wish.application, row.spec),
        "waves": waves_previewed(found),
        "gates": gates_told(found),
        "blockers": blockers_linked(found),
        "owner": owner_of(row),
        "freeze": freeze_for(wish.application, now),
        "switch": killed(SWITCH, wish.application),
        "confirm": actions["rollout_start"].confirm,
        "wish": carried(wish),
        "plan": carried(plan_of(found)),
        "once": secrets.token_urlsafe(12),
        "command": command_of(wish),
        "document": document_of(wish),
    }


def _refused(request: HttpRequest, context: dict[str, Any], error: MeshError) -> HttpResponse:
    """The same page with the sentence, and with the preview if there is one."""
    faults = error.errors if isinstance(error, Invalid | Conflict) else []
    context["refusal"] = error
    context["faults"] = [each["detail"] for each in faults if each["detail"] not in error.detail]
    return render(request, WIZARD, context, status=error.status)
