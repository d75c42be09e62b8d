"""Signed links that ask one person about one plan: shown by GET, decided by POST, good once.

A link is bound to the approval, its version, its plan and the account that it is for. It says who
decides only because it was sent to a place that one person reads. It is over when it was used, when
the approval moved on, when its time is up, and when the account may not decide any more.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from django.contrib.auth.models import User
from django.core import signing
from django.db import transaction

from meshconsole.access.permissions import can
from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Conflict, MeshError
from meshconsole.healing.cases.approval_models import Approval, ApprovalLink
from meshconsole.healing.cases.approval_states import ApprovalState

_SALT = "meshconsole.healing.approval-link"
TOKEN_LIMIT = 1000
OVER = "This link is over: it was used, or what it asks has moved on. Sign in to see how it stands."


class LinkOver(MeshError):
    """A link that decides nothing any more, or never did; it says no more than that."""

    status = 410
    code = "link_over"

    def __init__(self) -> None:
        super().__init__(OVER)


class Asked(msgspec.Struct, frozen=True):
    """A link that is good now: the approval, and the account that decides by it."""

    link: ApprovalLink
    approval: Approval
    user: User


def link_make(approval: Approval, recipient: User, *, now: datetime) -> str | None:
    """A token for one person; None when that person may not decide this, or nothing is asked.

    Sending it again gives the same link.
    """
    if not _may(recipient, approval) or not _is_asked(approval, now):
        return None
    mine = ApprovalLink.objects.filter(
        approval=approval, recipient=recipient.username, version=approval.version
    )
    link = mine.order_by("pk").first() or _made(approval, recipient.username, now)
    return None if link.used_at is not None else signing.dumps(_said(link), salt=_SALT)


def link_read(token: str, *, now: datetime) -> Asked:
    """What a token asks and of whom; raises LinkOver. Changes nothing."""
    if len(token) > TOKEN_LIMIT:
        raise LinkOver
    try:
        said = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        raise LinkOver from None
    pk = int(said.get("link", 0)) if isinstance(said, dict) else 0
    link = ApprovalLink.objects.select_related("approval__case").filter(pk=pk).first()
    if link is None or said != _said(link) or link.used_at is not None or now >= link.expires_at:
        raise LinkOver
    approval = link.approval
    if link.version != approval.version or not _is_asked(approval, now):
        raise LinkOver
    user = User.objects.filter(username=link.recipient, is_active=True).first()
    if user is None or not _may(user, approval):
        raise LinkOver
    return Asked(link, approval, user)


def link_use(asked: Asked, *, now: datetime) -> None:
    """Spend a link, in the transaction of its decision; raises Conflict the second time."""
    with transaction.atomic():
        unused = ApprovalLink.objects.filter(pk=asked.link.pk, used_at=None)
        if not unused.update(used_at=now):
            raise Conflict("This link was used already.", code="link_used")


def _made(approval: Approval, recipient: str, now: datetime) -> ApprovalLink:
    with transaction.atomic():
        link = ApprovalLink.objects.create(
            approval=approval,
            recipient=recipient,
            version=approval.version,
            created_at=now,
            expires_at=approval.expires_at,
        )
        audit_record(
            actor="healer",
            verb="approval_link_made",
            object=f"approval:{approval}",
            after={"recipient": recipient, "version": link.version, "link": link.pk},
        )
    return link


def _said(link: ApprovalLink) -> dict[str, Any]:
    """What the signature binds."""
    return {
        "link": link.pk,
        "approval": link.approval_id,
        "version": link.version,
        "plan": link.approval.plan_hash,
        "for": link.recipient,
        "until": int(link.expires_at.timestamp()),
    }


def _is_asked(approval: Approval, now: datetime) -> bool:
    return approval.state == ApprovalState.PENDING and now < approval.expires_at


def _may(user: User, approval: Approval) -> bool:
    is_other = user.username != approval.requested_by
    has_voted = approval.votes.filter(user=user.username).exists()
    return is_other and not has_voted and bool(can(user, "approval_approve"))
