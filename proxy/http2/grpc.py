"""gRPC where a proxy has to speak it itself: a refusal that its callers understand."""

from __future__ import annotations

from urllib.parse import quote

from proxy.contract.reports import ErrorClass
from proxy.errors import Refusal
from proxy.http1.heads import Request, Response

CONTENT_TYPE = b"\r\ncontent-type:"
INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED = 3, 4, 5, 7
RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 8, 12, 13, 14, 16
UNKNOWN = 2
_FAILED = (b"%d" % UNAVAILABLE, b"%d" % DEADLINE_EXCEEDED)
"""Codes of refusals that over HTTP/1.1 have a status of 502 and more."""
_UNQUOTED = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
CODES = {
    400: INTERNAL,
    401: UNAUTHENTICATED,
    403: PERMISSION_DENIED,
    404: UNIMPLEMENTED,
    408: DEADLINE_EXCEEDED,
    429: RESOURCE_EXHAUSTED,
    431: RESOURCE_EXHAUSTED,
    501: UNIMPLEMENTED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: DEADLINE_EXCEEDED,
}
"""A refusal's status as gRPC's code: what its own clients make of such an answer, but that 429 and
504 say what happened instead of `unavailable`."""


def is_grpc(request: Request) -> bool:
    """Does the caller speak gRPC?"""
    kind = request.after(CONTENT_TYPE)
    return kind is not None and kind.lower().startswith(b"application/grpc")


def refused(answer: Response) -> ErrorClass | None:
    """Did a sidecar refuse a gRPC call because something failed? Its status is 200 all the same."""
    failed = answer.status == 200 and answer.value(b"grpc-status") in _FAILED
    return "5xx" if failed else None


def refusal_fields(refusal: Refusal) -> list[tuple[bytes, bytes]]:
    """A whole answer made here, as a head without content: gRPC calls it trailers-only."""
    return [
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
        (b"grpc-status", b"%d" % CODES.get(refusal.status, UNKNOWN)),
        (b"grpc-message", quote(refusal.sentence, safe=_UNQUOTED).encode()),
        (b"x-mesh-flag", refusal.flag.encode()),
    ]
