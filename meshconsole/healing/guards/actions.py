"""What a person may say to healing by role, and what has to be typed before a brake is pulled."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from meshconsole.access.permissions import can
from meshconsole.core.errors import FieldFault, Invalid
from meshconsole.healing.guards.services import AUTOMATE, SET, WIDEN


def powers_of(user: Any) -> frozenset[str]:
    """Which changes of a policy this person may put in force."""
    return frozenset(verb for verb in (SET, WIDEN, AUTOMATE) if can(user, verb))


def confirm_word(application: str) -> str:
    """What has to be typed: the application's name, or the mesh's."""
    return application or str(settings.MESH_TRUST_DOMAIN)


def confirm_switch(application: str, typed: str) -> None:
    """Raise Invalid unless it was."""
    wanted = confirm_word(application)
    if typed.strip() != wanted:
        sentence = f"Type {wanted} to confirm: nothing new begins there until it is let go."
        raise Invalid(
            sentence, code="confirm", errors=[FieldFault(pointer="/confirm", detail=sentence)]
        )
