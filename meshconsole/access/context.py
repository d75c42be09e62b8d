"""What every template may ask about the person who looks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from meshconsole.access.roles import VERBS, Role, role_of


def access(request: HttpRequest) -> dict[str, Any]:
    """`role` is the role's name, `may` maps each verb to True or False."""
    user = getattr(request, "user", None)
    role = Role.none if user is None else role_of(user)
    return {"role": role.name, "may": {verb: role >= needed for verb, needed in VERBS.items()}}
