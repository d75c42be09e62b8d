"""The page behind a signed link: no sign-in, one question, one decision."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from meshconsole.core.errors import Conflict, Invalid, MeshError
from meshconsole.healing.approvals.links import Asked, LinkOver, link_read, link_use
from meshconsole.healing.approvals.views import asked as shown_of, word_take
from meshconsole.healing.approvals.votes import confirm_wanted

_DECISIONS = {"approve": "approval_approve", "reject": "approval_reject"}


@require_http_methods(["GET", "HEAD", "POST"])
def approval_link(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what is asked and changes nothing; POST decides, in the name of its account."""
    try:
        asked = link_read(token, now=timezone.now())
        if request.method == "POST":
            return _decide(request, asked)
        return _page(request, asked)
    except (LinkOver, Conflict) as error:
        context = {"over": error}
        return render(request, "healing/link.html", context, status=error.status)


approval_link.login_required = False  # type: ignore[attr-defined]
"""The signature says who decides."""


def _decide(request: HttpRequest, asked: Asked) -> HttpResponse:
    name = _DECISIONS.get(request.POST.get("decision", ""))
    try:
        if name is None:
            raise Invalid("Choose to approve or to reject.")
        with transaction.atomic():
            link_use(asked, now=timezone.now())
            done = word_take(request, asked.approval.pk, name, user=asked.user.username, via="link")
    except Conflict:
        raise
    except MeshError as error:
        return _page(request, asked, error)
    return render(request, "healing/link.html", {"done": done, "decision": name})


def _page(request: HttpRequest, asked: Asked, error: MeshError | None = None) -> HttpResponse:
    context: dict[str, Any] = shown_of(asked.approval) | {
        "link_user": asked.user.username,
        "confirm": confirm_wanted(asked.approval),
        "refusal": error,
        "reason": request.POST.get("reason", "")[:500],
    }
    return render(
        request, "healing/link.html", context, status=error.status if error is not None else 200
    )
