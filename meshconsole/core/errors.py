"""Errors that people and scripts meet: a stable code, a status, and a sentence with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict


class FieldFault(TypedDict):
    """One wrong part of an input: where (JSON pointer) and what about it."""

    pointer: str
    detail: str


class MeshError(Exception):
    """Something asked for cannot be done; `detail` says what to do instead."""

    status = 400
    code = "bad_request"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int | None = None,
        errors: Sequence[FieldFault] = (),
        current_state: Any = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.errors = list(errors)
        self.current_state = current_state
        self.retry_after_seconds = retry_after_seconds


class NotFound(MeshError):
    """There is no such object, or none that the caller may see."""

    status = 404
    code = "not_found"


class Forbidden(MeshError):
    """The caller's role does not allow it."""

    status = 403
    code = "forbidden"


class Conflict(MeshError):
    """The object is not in a state that allows it, or somebody else was first."""

    status = 409
    code = "conflict"


class PreconditionFailed(MeshError):
    """The object changed since it was read; `current_state` says how it is now."""

    status = 412
    code = "precondition_failed"


class Frozen(MeshError):
    """Changes are frozen just now; `detail` says until when and why."""

    status = 423
    code = "frozen"


class PreconditionRequired(MeshError):
    """A change of this object must say which version it changes."""

    status = 428
    code = "precondition_required"


class Invalid(MeshError):
    """The input is wrong; `errors` points at each place."""

    status = 422
    code = "invalid"


class TooMany(MeshError):
    """Too many attempts; come back after `retry_after_seconds`."""

    status = 429
    code = "too_many"


class Degraded(MeshError):
    """A part that this needs is down just now."""

    status = 503
    code = "degraded"


class IllegalTransition(MeshError):
    """The event is not possible in the state that the object is in."""

    status = 409
    code = "illegal_transition"
