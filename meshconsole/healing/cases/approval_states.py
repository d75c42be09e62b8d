"""The life of an approval: pending until enough people answer, or time, or another plan ends it.

*Approved* is not the end: the healer *uses* it once, at the moment it begins, and only for the plan
that was approved. What is not used in time expires as well. Nothing leads from pending to approved
but the word of a person.
"""

from __future__ import annotations

from django.db.models import TextChoices


class ApprovalState(TextChoices):
    """What is true of an approval now."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    USED = "used"


class ApprovalEvent(TextChoices):
    """What happened to it."""

    GRANTED = "approval_granted"
    REFUSED = "approval_refused"
    RAN_OUT = "approval_ran_out"
    WITHDRAWN = "approval_withdrawn"
    USED = "approval_used"
    OVERRIDDEN = "approval_overridden"


_S, _E = ApprovalState, ApprovalEvent
TRANSITIONS: dict[tuple[str, str], str] = {
    (_S.PENDING, _E.GRANTED): _S.APPROVED,
    (_S.PENDING, _E.OVERRIDDEN): _S.APPROVED,
    (_S.PENDING, _E.REFUSED): _S.REJECTED,
    (_S.PENDING, _E.RAN_OUT): _S.EXPIRED,
    (_S.PENDING, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.APPROVED, _E.USED): _S.USED,
    (_S.APPROVED, _E.RAN_OUT): _S.EXPIRED,
    (_S.APPROVED, _E.WITHDRAWN): _S.WITHDRAWN,
}
LIVE = frozenset({_S.PENDING, _S.APPROVED})
"""A case has one of these at most."""
TERMINAL = frozenset(ApprovalState) - LIVE
