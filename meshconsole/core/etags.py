"""Versions in HTTP: an object's version is its ETag, and a change says which one it changes."""

from __future__ import annotations

import re

from rest_framework.request import Request
from rest_framework.response import Response

from meshconsole.core.errors import PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'^(?:W/)?"([0-9]{1,18})"$')


def version_expected(request: Request) -> int | None:
    """The version that `If-Match` names; None for `*`, which is any.

    Raises PreconditionRequired without the header and PreconditionFailed for another form.
    """
    given = request.headers.get("If-Match", "").strip()
    if not given:
        raise PreconditionRequired(
            "Say which version you change: send the ETag of your last read as If-Match."
        )
    if given == "*":
        return None
    found = _TAG.match(given)
    if found is None:
        raise PreconditionFailed('If-Match is the ETag of a read, such as "3".')
    return int(found[1])


def tagged(body: object, version: int, *, status: int = 200) -> Response:
    """An answer with the object's ETag."""
    return Response(body, status=status, headers={"ETag": f'"{version}"'})
