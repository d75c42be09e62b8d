"""Scripts show a token: `Authorization: Bearer mc_...`."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from meshconsole.access.models import ApiToken
from meshconsole.access.roles import Role, role_of

PREFIX = "mc_"
_USED_STEP = timedelta(minutes=1)


def token_hash(token: str) -> str:
    """What is kept of a token: it is random enough to need no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenAuthentication(BaseAuthentication):
    """The token's owner, with at most the token's role."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """The owner and the token; None without a bearer header."""
        scheme, _, given = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        now = timezone.now()
        token = (
            ApiToken.objects.select_related("owner")
            .filter(
                hash=token_hash(given.decode("latin-1").strip()),
                revoked_at=None,
                expires_at__gt=now,
                owner__is_active=True,
            )
            .first()
        )
        if token is None:
            raise AuthenticationFailed("The token is unknown, revoked or expired: make a new one.")
        if token.used_at is None or now - token.used_at > _USED_STEP:
            ApiToken.objects.filter(pk=token.pk).update(used_at=now)
        token.owner._mesh_role = min(Role(token.role), role_of(token.owner))  # type: ignore[attr-defined]
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        """So that a stranger gets 401 and not 403."""
        return 'Bearer realm="meshconsole"'
