"""Pages deny by default too: no page without a role, no form without its verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from meshconsole.access.permissions import can
from meshconsole.access.roles import VIEW
from meshconsole.core.errors import Forbidden, MeshError
from meshconsole.core.problems import problem_response

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class RoleMiddleware:
    """Checks the role before a page's view runs; the API has RolePermission for the same."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        """Refuse with a page that says which role is missing."""
        if not getattr(view, "login_required", True):
            return None
        verb = VIEW if request.method in _SAFE else getattr(view, "mesh_verb", "")
        verdict = can(request.user, verb)
        return None if verdict else problem_response(Forbidden(verdict.reason), request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """A known error in a page becomes a page that says what to do."""
        return problem_response(error, request) if isinstance(error, MeshError) else None
