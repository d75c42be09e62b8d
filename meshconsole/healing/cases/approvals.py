"""Asking people about a plan, and spending what they approved: once, in time, on that plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F

from meshconsole.audit.services import audit_record
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.approval_states import LIVE, TRANSITIONS, ApprovalEvent
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.voting import (
    Ballot,
    Question,
    Refusal,
    approvers_of,
    is_good,
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
            approval_end(found, ApprovalEvent.WITHDRAWN, HEALER, "The plan changed.", now)
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
    return found is not None and approval_end(found, ApprovalEvent.WITHDRAWN, HEALER, reason, now)


def approval_use(case: HealingCase, plan_hash: str, *, now: datetime) -> Refusal | None:
    """Spend the approval of a case on the plan that begins now; the reason when it is not good.

    Of two that begin at once one gets None, and nobody does a second time.
    """
    with transaction.atomic():
        approval = approval_locked(case=case, state__in=LIVE)
        if approval is None:
            return Refusal("not_approved", "Nobody is asked about this case just now.")
        refusal = is_good(question_of(approval), plan_hash, now.timestamp())
        if refusal is None and not approval_end(approval, ApprovalEvent.USED, HEALER, "", now):
            refusal = Refusal("used", "The approval was used already.")
    return refusal


def approvals_expire(*, now: datetime) -> int:
    """End what nobody answered in time, and what was approved and not begun; returns how many."""
    over = Approval.objects.filter(state__in=LIVE, expires_at__lte=now).order_by("pk")
    ended = 0
    for approval in over[:100]:
        ended += approval_end(
            approval, ApprovalEvent.RAN_OUT, HEALER, "Nobody answered in time.", now
        )
    return ended


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


def approvers(approval: Approval) -> tuple[str, ...]:
    """Who has approved it so far, by name."""
    return approvers_of(question_of(approval).ballots, approval.requested_by)


def shown(approval: Approval) -> dict[str, Any]:
    """An approval's state as problems tell it."""
    return {
        "id": approval.pk,
        "state": approval.state,
        "version": approval.version,
        "plan_hash": approval.plan_hash,
        "needed": approval.needed,
        "approved_by": list(approvers(approval)),
        "expires_at": approval.expires_at.isoformat(),
    }


def _live(case: HealingCase) -> Approval | None:
    return Approval.objects.filter(case=case, state__in=LIVE).first()


def approval_locked(**where: Any) -> Approval | None:
    """The row and its case, for this transaction alone; SQLite has one writer anyway.

    The case is locked first, as everybody does who moves both.
    """
    case = Approval.objects.filter(**where).values_list("case_id", flat=True).first()
    if case is not None:
        HealingCase.objects.select_for_update().filter(pk=case).first()
    return Approval.objects.select_for_update().filter(**where).first()


def approval_end(
    approval: Approval,
    event: ApprovalEvent,
    actor: str,
    reason: str,
    now: datetime,
    **changes: Any,
) -> bool:
    """Move it on, and let the healer look at its case at once; False when somebody else did."""
    with transaction.atomic():
        HealingCase.objects.select_for_update().filter(pk=approval.case_id).first()
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
