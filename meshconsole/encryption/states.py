"""The life of one generation of the authority: trusted, signing, trusted again, retired.

A generation is *trusted* as soon as it is there: sidecars take its root beside the others. It is
*signing* when new leaves are of it, which may only be once every sidecar trusts it; one generation
signs at a time, and the one that signed before is trusted on. It is *retired* when sidecars are
told to trust it no more, which may only be once no leaf of it is in use. That is the end of it.
"""

from __future__ import annotations

from django.db.models import TextChoices


class AuthorityState(TextChoices):
    """What is true of a generation now."""

    TRUSTED = "trusted"
    SIGNING = "signing"
    RETIRED = "retired"


class AuthorityEvent(TextChoices):
    """What happened to it."""

    SIGNING_ASKED = "signing_asked"
    SUPERSEDED = "superseded"
    RETIREMENT_ASKED = "retirement_asked"


TRANSITIONS: dict[tuple[str, str], str] = {
    (AuthorityState.TRUSTED, AuthorityEvent.SIGNING_ASKED): AuthorityState.SIGNING,
    (AuthorityState.SIGNING, AuthorityEvent.SUPERSEDED): AuthorityState.TRUSTED,
    (AuthorityState.TRUSTED, AuthorityEvent.RETIREMENT_ASKED): AuthorityState.RETIRED,
}
IN_FORCE = frozenset({AuthorityState.TRUSTED, AuthorityState.SIGNING})
TERMINAL = frozenset({AuthorityState.RETIRED})
