"""Taking the word of people about a plan: one decision, whoever and how many say theirs at once."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.db import IntegrityError, transaction

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from meshconsole.healing.cases.approval_models import Approval, ApprovalVote
from meshconsole.healing.cases.approval_states import ApprovalEvent
from meshconsole.healing.cases.approvals import (
    REASON_LIMIT,
    approval_end,
    approval_locked,
    question_of,
    shown,
)
from meshconsole.healing.cases.voting import (
    Ballot,
    Decision,
    Refusal,
    Seen,
    outcome_with,
    refusal_of,
)
from meshconsole.live.publish import publish_on_commit


def approval_vote(
    *,
    pk: int,
    user: str,
    decision: Decision,
    reason: str,
    now: datetime,
    seen: Seen | None = None,
    confirm: str = "",
    via: str = "page",
) -> Approval:
    """Take one person's word. The vote that is enough decides; a rejection always does.

    Raises NotFound; Invalid without a reason or the typed confirmation of a removal; Conflict with
    the approval as it is now when it is decided, over, changed, or answered by this person already.
    """
    _check_reason(reason)
    with transaction.atomic():
        approval = approval_locked(pk=pk)
        if approval is None:
            raise NotFound(f"There is no approval {pk}.")
        question = question_of(approval)
        refusal = refusal_of(question, user, seen or Seen(), now.timestamp())
        if refusal is not None:
            raise _refused(approval, refusal)
        if decision == "approve":
            confirm_check(approval, confirm)
        _write_vote(approval, user, decision, reason, now, via)
        outcome = outcome_with(question, Ballot(user=user, decision=decision))
        if outcome == "pending":
            _tell_vote(approval)
            return approval
        event = ApprovalEvent.GRANTED if outcome == "approved" else ApprovalEvent.REFUSED
        if not approval_end(approval, event, user, reason, now):
            raise _refused(approval, Refusal("decided", "Somebody else was first."))
    return approval


def approval_override(
    *, pk: int, user: str, reason: str, now: datetime, seen: Seen | None = None, confirm: str = ""
) -> Approval:
    """Approve alone in an emergency, past four eyes and two persons; always written down as that.

    Raises as `approval_vote` does. Gates that are hard are not gone past: the healer looks at them
    again.
    """
    _check_reason(reason)
    with transaction.atomic():
        approval = approval_locked(pk=pk)
        if approval is None:
            raise NotFound(f"There is no approval {pk}.")
        question = msgspec.structs.replace(question_of(approval), requester="", ballots=())
        refusal = refusal_of(question, user, seen or Seen(), now.timestamp())
        if refusal is not None:
            raise _refused(approval, refusal)
        confirm_check(approval, confirm)
        if not approval_end(
            approval, ApprovalEvent.OVERRIDDEN, user, reason, now, overridden_by=user[:150]
        ):
            raise _refused(approval, Refusal("decided", "Somebody else was first."))
    return approval


def confirm_wanted(approval: Approval) -> str:
    """What has to be typed to approve it: the instance's name when that is to be removed."""
    return approval.instance if approval.action == "remove" else ""


def confirm_check(approval: Approval, typed: str) -> None:
    """Raise Invalid unless it was."""
    wanted = confirm_wanted(approval)
    if wanted and typed.strip() != wanted:
        sentence = f"Type {wanted} to confirm: it will be removed."
        raise Invalid(
            sentence, code="confirm", errors=[FieldFault(pointer="/confirm", detail=sentence)]
        )


def _write_vote(
    approval: Approval, user: str, decision: Decision, reason: str, now: datetime, via: str
) -> None:
    try:
        with transaction.atomic():
            ApprovalVote.objects.create(
                approval=approval,
                user=user,
                decision=decision,
                reason=reason[:REASON_LIMIT],
                at=now,
                via=via,
            )
    except IntegrityError:
        raise _refused(approval, Refusal("voted", "You have decided already.")) from None
    audit_record(
        actor=user,
        verb=f"approval_{decision}",
        object=f"approval:{approval}",
        after={"plan_hash": approval.plan_hash, "version": approval.version, "via": via},
        reason=reason,
    )


def _tell_vote(approval: Approval) -> None:
    publish_on_commit(
        topic="approvals",
        kind="approval_vote",
        ref=str(approval),
        data={"state": approval.state, "instance": approval.instance},
    )


def _refused(approval: Approval, refusal: Refusal) -> Conflict | Forbidden:
    if refusal.code == "four_eyes":
        return Forbidden(refusal.detail, code=refusal.code, current_state=shown(approval))
    return Conflict(refusal.detail, code=refusal.code, current_state=shown(approval))


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > REASON_LIMIT:
        sentence = f"Say why, in at most {REASON_LIMIT} characters."
        raise Invalid(sentence, errors=[FieldFault(pointer="/reason", detail=sentence)])
