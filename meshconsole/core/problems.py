"""Every error of the API has one shape: RFC 9457 problem details."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import TemplateDoesNotExist
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from meshconsole.core.errors import Degraded, FieldFault, Forbidden, MeshError, NotFound
from meshconsole.core.request import current

MEDIA_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)


def problem(error: MeshError, *, instance: str, allowed_actions: Any = None) -> dict[str, Any]:
    """The body of a problem answer."""
    body: dict[str, Any] = {
        "type": f"urn:meshconsole:problem:{error.code}",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "errors": error.errors,
        "request_id": current().id,
    }
    if error.current_state is not None:
        body["current_state"] = error.current_state
    if allowed_actions is not None:
        body["allowed_actions"] = allowed_actions
    return body


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: a known error becomes a problem, a bug stays a bug."""
    known = _known(error)
    if known is None:
        return None
    request = context["request"]
    headers = {}
    if known.retry_after_seconds is not None:
        headers["Retry-After"] = str(known.retry_after_seconds)
    challenge = getattr(error, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    set_rollback()
    response = Response(problem(known, instance=request.path), status=known.status, headers=headers)
    response.content_type = MEDIA_TYPE
    return response


def problem_response(error: MeshError, request: HttpRequest) -> HttpResponse:
    """A problem outside of DRF: JSON under /api/, a page elsewhere."""
    if request.path.startswith("/api/"):
        return JsonResponse(
            problem(error, instance=request.path), status=error.status, content_type=MEDIA_TYPE
        )
    context = {"status": error.status, "title": HTTPStatus(error.status).phrase}
    context |= {"detail": error.detail, "code": error.code, "request_id": current().id}
    try:
        return render(request, "error.html", context, status=error.status)
    except TemplateDoesNotExist:
        return HttpResponse(error.detail, status=error.status, content_type="text/plain")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400."""
    return problem_response(MeshError("The request is malformed."), request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 404."""
    return problem_response(NotFound("There is nothing at this address."), request)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 403."""
    return problem_response(Forbidden(str(exception) or "Your role does not allow this."), request)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's 500; the log has the rest under the request's id."""
    error = MeshError(
        "The console failed to answer; the log has the request id.", code="failed", status=500
    )
    return problem_response(error, request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its token, or from another site."""
    detail = "The form's token is missing or old: reload the page and send it again."
    return problem_response(Forbidden(detail, code="csrf"), request)


def _known(error: Exception) -> MeshError | None:
    if isinstance(error, MeshError):
        return error
    if isinstance(error, Http404):
        return NotFound("There is no such object.")
    if isinstance(error, PermissionDenied):
        return Forbidden(str(error) or "Your role does not allow this.")
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    if isinstance(error, OperationalError):
        logger.error("database failed", exc_info=error)
        return Degraded("The database does not answer just now; try again in a few seconds.")
    return None


def _of_framework(error: exceptions.APIException) -> MeshError:
    if isinstance(error, exceptions.ValidationError):
        faults = list(_faults(error.detail, ""))
        return MeshError("The input is wrong.", code="invalid", status=422, errors=faults)
    wait = getattr(error, "wait", None)
    return MeshError(
        str(error.detail),
        code=str(error.default_code),
        status=error.status_code,
        retry_after_seconds=None if wait is None else int(wait) + 1,
    )


def _faults(detail: Any, pointer: str) -> Iterator[FieldFault]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _faults(
                inner, pointer if name == "non_field_errors" else f"{pointer}/{name}"
            )
    elif isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        for at, inner in enumerate(detail):
            yield from _faults(inner, f"{pointer}/{at}")
    elif isinstance(detail, list):
        yield from (FieldFault(pointer=pointer, detail=str(part)) for part in detail)
    else:
        yield {"pointer": pointer, "detail": str(detail)}
