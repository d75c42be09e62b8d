"""The forms of a case's page: done, they go back to it; refused, they say why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from meshconsole.access.permissions import page_verb
from meshconsole.core.errors import Invalid, MeshError
from meshconsole.healing.casebook.buttons import verb_of
from meshconsole.healing.casebook.views import case_shown
from meshconsole.healing.cases import selectors as case_selectors, verbs as case_verbs
from meshconsole.healing.cases.models import HealingCase

VERBS = ("case_hold", "case_release", "case_retry", "case_dismiss", "case_mark", "removal_start")


def verb_page(name: str) -> Callable[..., HttpResponse]:
    """The form of one verb."""

    @require_POST
    @page_verb(name)
    def view(request: HttpRequest, pk: int) -> HttpResponse:
        try:
            _do(request, case_selectors.case_get(pk), name)
        except MeshError as error:
            return _refused(request, pk, error)
        if "HX-Request" in request.headers:
            back = request.path.removesuffix(f"{verb_of(name)}/")
            return HttpResponse(headers={"HX-Redirect": back})
        return redirect("healing:case", pk)

    view.__name__, view.__doc__ = name, f"The form of {name}."
    return view


@require_POST
@page_verb("removal_start")
def instance_remove(request: HttpRequest, name: str) -> HttpResponse:
    """Ask that an instance is removed, from its own page; it leads to the case."""
    try:
        case = _removal(request, name)
    except MeshError as error:
        if "HX-Request" in request.headers:
            said = {"refusal": error}
            return render(request, "healing/_refusal.html", said, status=error.status)
        messages.error(request, error.detail)
        return redirect("front:instance", name)
    if "HX-Request" in request.headers:
        return HttpResponse(headers={"HX-Redirect": reverse("healing:case", args=[case.pk])})
    return redirect("healing:case", case.pk)


def _removal(request: HttpRequest, instance: str) -> HealingCase:
    if request.POST.get("confirm", "").strip() != instance:
        raise Invalid(f"Type {instance} to confirm it.")
    return case_verbs.removal_start(instance=instance, **_word(request))


def _word(request: HttpRequest) -> dict[str, Any]:
    return {
        "actor": request.user.get_username(),
        "reason": request.POST.get("reason", "").replace("\x00", "").strip(),
        "now": timezone.now(),
    }


def _do(request: HttpRequest, case: HealingCase, name: str) -> None:
    if name == "removal_start":
        _removal(request, case.instance)
        return
    given = _word(request)
    if name == "case_mark":
        given["mark"] = request.POST.get("mark", "")
    verb: Callable[..., HealingCase] = getattr(case_verbs, name)
    verb(pk=case.pk, **given)


def _refused(request: HttpRequest, pk: int, error: MeshError) -> HttpResponse:
    """The sentence: inside of the dialog that asked, or on top of the page."""
    said: dict[str, Any] = {"refusal": error}
    if "HX-Request" in request.headers:
        return render(request, "healing/_refusal.html", said, status=error.status)
    context = case_shown(request, pk) | said
    return render(request, "healing/case.html", context, status=error.status)
