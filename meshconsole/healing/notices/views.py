"""The page of notices: channels, a test of each, and the delivery log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from meshconsole.access.permissions import page_verb
from meshconsole.core.errors import MeshError
from meshconsole.core.pages import page_of, search_of
from meshconsole.healing.guards.views import text_of
from meshconsole.healing.notices import channels, services
from meshconsole.healing.notices.models import KINDS, STATES, NoticeChannel
from meshconsole.inventory.models import Application

KIND_WORDS = {"email": "Mail", "slack": "Slack", "webhook": "Webhook"}


@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """Everything of it."""
    return render(request, "healing/notices.html", _shown(request))


def _shown(request: HttpRequest) -> dict[str, Any]:
    picked = {name: search_of(request, name) for name in ("state", "channel")}
    return {
        "channels": list(NoticeChannel.objects.all()[: channels.CHANNELS_LIMIT]),
        "page": page_of(services.notice_list(**picked), request),
        "picked": picked,
        "is_filtered": any(picked.values()),
        "states": STATES,
        "kinds": [(kind, KIND_WORDS[kind]) for kind in KINDS],
        "applications": Application.objects.order_by("name").values_list("name", flat=True),
        "has_mail": bool(settings.MESH_SMTP_HOST),
        "public_url": settings.MESH_PUBLIC_URL,
    }


def _form(verb: str, done: str) -> Callable[..., Any]:
    """A form of this page: done, it says so; refused, it says why."""

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
                return render(request, "healing/notices.html", shown, status=error.status)
            messages.success(request, done)
            if "HX-Request" in request.headers:
                return HttpResponse(headers={"HX-Redirect": "/notices/"})
            return redirect("healing:notices")

        view.__name__, view.__doc__ = act.__name__, act.__doc__
        return view

    return made


@_form("notice_set", "The channel is kept. Send a test through it.")
def channel_set(request: HttpRequest, pk: int | None = None) -> None:
    """Make a channel, or change one."""
    channels.channel_set(
        channels.Wish(
            name=text_of(request, "name"),
            kind=text_of(request, "kind"),
            target=text_of(request, "target"),
            secret=text_of(request, "secret"),
            application=text_of(request, "application"),
            recipient=text_of(request, "recipient"),
            is_enabled="is_enabled" in request.POST,
        ),
        reason=text_of(request, "reason"),
        actor=request.user.get_username(),
        now=timezone.now(),
        pk=pk,
    )


@_form("notice_set", "The channel is gone.")
def channel_remove(request: HttpRequest, pk: int) -> None:
    """Take a channel away."""
    channels.channel_remove(
        pk=pk, reason=text_of(request, "reason"), actor=request.user.get_username()
    )


@_form("notice_send", "A test is on its way; the log below says how it went.")
def channel_test(request: HttpRequest, pk: int) -> None:
    """Send one line through a channel."""
    services.notice_test(pk=pk, actor=request.user.get_username(), now=timezone.now())
