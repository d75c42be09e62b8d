"""Sign in and out; the only pages that a stranger may open."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from meshconsole.access import throttle
from meshconsole.access.services import session_record
from meshconsole.core.request import client_address


class SignIn(LoginView):
    """User name and password; says how long to wait when there were too many tries."""

    template_name = "access/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """A new session, written down."""
        answer = super().form_valid(form)
        session_record(actor=form.get_user().get_username(), verb="signed_in")
        return answer

    def form_invalid(self, form: AuthenticationForm) -> TemplateResponse:
        """The same page with the reason, and 429 while throttled."""
        wait = _wait_seconds(self.request, form)
        context: dict[str, Any] = self.get_context_data(form=form, wait_seconds=wait)
        return cast(
            "TemplateResponse", self.render_to_response(context, status=429 if wait else 200)
        )


class SignOut(LogoutView):
    """Ends the session; by POST only."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> TemplateResponse:
        """The end of the session, written down."""
        name = request.user.get_username()
        answer = cast("TemplateResponse", super().post(request, *args, **kwargs))
        if name:
            session_record(actor=name, verb="signed_out")
        return answer


sign_in = SignIn.as_view()
sign_out = SignOut.as_view()
sign_out.login_required = False  # type: ignore[attr-defined]
"""Whoever has lost every role may still leave."""


def _wait_seconds(request: HttpRequest, form: AuthenticationForm) -> int:
    account = str(form.data.get("username", ""))
    return throttle.wait_seconds(account, client_address(request), timezone.now())
