"""Asking people about a plan, and taking their word: each decision by compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from meshconsole.healing.approval_models import Approval, ApprovalVote
from meshconsole.healing.approval_states import LIVE, TRANSITIONS, ApprovalEvent
from meshconsole.healing.case_models import HealingCase
from meshconsole.healing.voting import (
    Ballot,
    Decision,
    Question,
    Refusal,
    Seen,
    approvers_of,
    is_good,
    outcome_with,
    refusal_of,
)
from meshconsole.live.publish import publish_on_commit
from meshconsole.transitions import fire

REASON_LIMIT = 500
HEALER = "healer"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where the approval of a case's plan stands, in values alone."""

    state: str
    plan_hash: str
    requested_by: str
    needed: int
    approvers: tuple[str, ...]
    """Distinct accounts that said yes."""
    rejected_by: str
    reason: str
    """Why it was rejected, withdrawn or gone past."""
    expires_at: float
    """Epoch seconds."""
    is_override: bool


def approval_request(
    case: HealingCase,
    plan: Mapping[str, Any],
    needed: int,
    expires_at: datetime,
    *,
    now: datetime,
    reason: str = "",
) -> Approval:
    """Ask people about a plan, in the caller's transaction; the same plan again asks nobody twice.

    `plan` carries its `hash` and `action`. What was asked before about another plan is withdrawn.
    """
    found = _live(case)
    if found is not None and found.plan_hash == plan["hash"]:
        return found
    with transaction.atomic():
        if found is not None:
            _end(found, ApprovalEvent.WITHDRAWN, HEALER, "The plan changed.", now)
        approval = Approval.objects.create(
            case=case,
            instance=case.instance,
            app=case.app,
            unit=case.unit,
            action=plan["action"],
            plan=dict(plan),
            plan_hash=plan["hash"],
            needed=max(1, needed),
            requested_by=case.asked_by,
            reason=reason[:REASON_LIMIT],
            requested_at=now,
            expires_at=expires_at,
        )
        audit_record(
            actor=case.asked_by or HEALER,
            verb="approval_requested",
            object=f"approval:{approval}",
            after={
                "case": case.pk,
                "action": approval.action,
                "instance": approval.instance,
                "needed": approval.needed,
                "plan_hash": approval.plan_hash,
                "expires_at": expires_at.isoformat(),
            },
            reason=approval.reason,
        )
        publish_on_commit(
            topic="approvals",
            kind="approval_requested",
            ref=str(approval),
            data={"state": approval.state, "instance": approval.instance},
        )
    return approval


def approval_of(case: HealingCase) -> Approval | None:
    """The latest that was asked about a case."""
    return Approval.objects.filter(case=case).order_by("-pk").first()


def approval_standing(case: HealingCase) -> Standing | None:
    """The same in values, for whoever decides."""
    approval = approval_of(case)
    if approval is None:
        return None
    question = question_of(approval)
    return Standing(
        state=approval.state,
        plan_hash=approval.plan_hash,
        requested_by=approval.requested_by,
        needed=approval.needed,
        approvers=approvers_of(question.ballots, question.requester),
        rejected_by=next((one.user for one in question.ballots if one.decision == "reject"), ""),
        reason=approval.ended_because,
        expires_at=question.expires_at,
        is_override=bool(approval.overridden_by),
    )


def approval_withdraw(case: HealingCase, reason: str, *, now: datetime) -> bool:
    """Ask no longer; what was approved and not used is void. False when nothing was asked."""
    found = _live(case)
    return found is not None and _end(found, ApprovalEvent.WITHDRAWN, HEALER, reason, now)


def approval_use(case: HealingCase, plan_hash: str, *, now: datetime) -> Refusal | None:
    """Spend the approval of a case on the plan that begins now; the reason when it is not good.

    Of two that begin at once one gets None, and nobody does a second time.
    """
    with transaction.atomic():
        approval = _locked(case=case, state__in=LIVE)
        if approval is None:
            return Refusal("not_approved", "Nobody is asked about this case just now.")
        refusal = is_good(question_of(approval), plan_hash, now.timestamp())
        if refusal is None and not _end(approval, ApprovalEvent.USED, HEALER, "", now):
            refusal = Refusal("used", "The approval was used already.")
    return refusal


def approvals_expire(*, now: datetime) -> int:
    """End what nobody answered in time, and what was approved and not begun; returns how many."""
    over = Approval.objects.filter(state__in=LIVE, expires_at__lte=now).order_by("pk")
    ended = 0
    for approval in over[:100]:
        ended += _end(approval, ApprovalEvent.RAN_OUT, HEALER, "Nobody answered in time.", now)
    return ended


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
        approval = _locked(pk=pk)
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
            _tell_vote(approval, user, reason)
            return approval
        event = ApprovalEvent.GRANTED if outcome == "approved" else ApprovalEvent.REFUSED
        if not _end(approval, event, user, reason, now):
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
        approval = _locked(pk=pk)
        if approval is None:
            raise NotFound(f"There is no approval {pk}.")
        question = msgspec.structs.replace(question_of(approval), requester="", ballots=())
        refusal = refusal_of(question, user, seen or Seen(), now.timestamp())
        if refusal is not None:
            raise _refused(approval, refusal)
        confirm_check(approval, confirm)
        if not _end(
            approval, ApprovalEvent.OVERRIDDEN, user, reason, now, overridden_by=user[:150]
        ):
            raise _refused(approval, Refusal("decided", "Somebody else was first."))
    return approval


def question_of(approval: Approval) -> Question:
    """An approval as the rules of voting read it."""
    return Question(
        state=approval.state,
        version=approval.version,
        plan_hash=approval.plan_hash,
        needed=approval.needed,
        requester=approval.requested_by,
        expires_at=approval.expires_at.timestamp(),
        ballots=tuple(
            Ballot(user=vote.user, decision=vote.decision)  # type: ignore[arg-type]
            for vote in approval.votes.all()
        ),
        overridden_by=approval.overridden_by,
    )


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


def shown(approval: Approval) -> dict[str, Any]:
    """An approval's state as problems tell it."""
    return {
        "id": approval.pk,
        "state": approval.state,
        "version": approval.version,
        "plan_hash": approval.plan_hash,
        "needed": approval.needed,
        "approved_by": list(approvers_of(question_of(approval).ballots, approval.requested_by)),
        "expires_at": approval.expires_at.isoformat(),
    }


def _live(case: HealingCase) -> Approval | None:
    return Approval.objects.filter(case=case, state__in=LIVE).first()


def _locked(**where: Any) -> Approval | None:
    """The row, for this transaction alone; SQLite has one writer anyway."""
    return Approval.objects.select_for_update().filter(**where).first()


def _end(
    approval: Approval,
    event: ApprovalEvent,
    actor: str,
    reason: str,
    now: datetime,
    **changes: Any,
) -> bool:
    """Move it on, and let the healer look at its case at once; False when somebody else did."""
    with transaction.atomic():
        moved = fire(
            approval,
            TRANSITIONS,
            event,
            actor=actor,
            reason=reason,
            expect={"version": approval.version},
            version=F("version") + 1,
            decided_at=now,
            ended_because=reason[:REASON_LIMIT],
            **changes,
        )
        if moved:
            due = HealingCase.objects.filter(pk=approval.case_id, due_at__gt=now)
            due.update(due_at=now)
    return moved


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


def _tell_vote(approval: Approval, user: str, reason: str) -> None:
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
