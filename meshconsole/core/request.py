"""Which request this is: an id that goes into every log line, audit row and error."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_GIVEN = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


@dataclass(frozen=True)
class RequestMark:
    """Id and client address of the request being answered; empty outside of one."""

    id: str = ""
    address: str = ""


_mark: ContextVar[RequestMark] = ContextVar("mesh_request", default=RequestMark())  # noqa: B039


def current() -> RequestMark:
    """The request being answered in this context."""
    return _mark.get()


def client_address(request: HttpRequest) -> str:
    """The address of the client; a proxy in front is believed only when it is trusted."""
    if settings.MESH_TRUSTED_PROXY:
        given = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
        if given:
            return given[:64]
    return str(request.META.get("REMOTE_ADDR") or "")


class RequestMiddleware:
    """Names the request, for its whole way and in the answer's `X-Request-ID`."""

    sync_capable = True
    async_capable = True

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]],
    ) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._answer(request)
        _refuse_nul(request)
        token = _mark.set(_of(request))
        try:
            response = self.get_response(request)
            assert isinstance(response, HttpResponseBase)  # noqa: S101
            response.headers["X-Request-ID"] = current().id
            return response
        finally:
            _mark.reset(token)

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        _refuse_nul(request)
        token = _mark.set(_of(request))
        try:
            response = self.get_response(request)
            assert not isinstance(response, HttpResponseBase)  # noqa: S101
            answer = await response
            answer.headers["X-Request-ID"] = current().id
            return answer
        finally:
            _mark.reset(token)


def _refuse_nul(request: HttpRequest) -> None:
    """No name has a NUL, and PostgreSQL fails on one that it is only asked for."""
    if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        raise BadRequest("An address has no NUL character.")


def _of(request: HttpRequest) -> RequestMark:
    given = request.headers.get("X-Request-ID", "")
    return RequestMark(
        id=given if _GIVEN.match(given) else secrets.token_hex(12),
        address=client_address(request),
    )
