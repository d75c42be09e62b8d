"""Verbs of access: tokens for scripts."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from meshconsole.access.authentication import PREFIX, token_hash
from meshconsole.access.models import ApiToken
from meshconsole.access.roles import Role, role_of
from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Forbidden, Invalid

DAYS_LIMIT = 366
_SECRET_BYTES = 32


def token_create(
    *, owner: User, name: str, role: Role, days: int, now: datetime
) -> tuple[ApiToken, str]:
    """Make a token; returns it and its secret, which is shown this once.

    Raises Forbidden for a role above the owner's and Invalid for a term out of bounds.
    """
    if role is Role.none or role > role_of(owner):
        raise Forbidden(f"A token of yours has at most the role {role_of(owner).name}.")
    if not 0 < days <= DAYS_LIMIT:
        raise Invalid(f"A token lives from 1 to {DAYS_LIMIT} days.")
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    with transaction.atomic():
        token = ApiToken.objects.create(
            owner=owner,
            name=name,
            role=role,
            prefix=secret[: len(PREFIX) + 6],
            hash=token_hash(secret),
            expires_at=now + timedelta(days=days),
        )
        audit_record(
            actor=owner.get_username(),
            verb="token_create",
            object=f"token:{token.pk}",
            after={"name": name, "role": role.name, "expires_at": token.expires_at},
        )
    return token, secret


def token_revoke(token: ApiToken, *, actor: str, now: datetime) -> bool:
    """End a token at once; False when it was ended already."""
    with transaction.atomic():
        live = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
        if not live.update(revoked_at=now):
            return False
        audit_record(actor=actor, verb="token_revoke", object=f"token:{token.pk}")
    return True


def session_record(*, actor: str, verb: str) -> None:
    """Write down that somebody signed in or out."""
    audit_record(actor=actor, verb=verb, object=f"user:{actor}")
