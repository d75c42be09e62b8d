"""Which verbs an approval offers one person now, before that person's role is asked."""

from __future__ import annotations

from datetime import datetime

import msgspec

from meshconsole.access.permissions import Action
from meshconsole.healing.approvals.votes import confirm_wanted
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.approvals import question_of
from meshconsole.healing.cases.voting import Seen, refusal_of

APPROVE, REJECT, OVERRIDE = "approval_approve", "approval_reject", "approval_override"


def approval_actions(approval: Approval, username: str, now: datetime) -> list[Action]:
    """Approve, reject, and the emergency's way past votes; each with why it is not possible."""
    question = question_of(approval)
    refusal = refusal_of(question, username, Seen(), now.timestamp())
    blocked = refusal.detail if refusal is not None else ""
    alone = msgspec.structs.replace(question, requester="", ballots=())
    over = refusal_of(alone, username, Seen(), now.timestamp())
    confirm = confirm_wanted(approval)
    return [
        Action(APPROVE, blocked=blocked, danger=bool(confirm), confirm=confirm),
        Action(REJECT, blocked=blocked),
        Action(
            OVERRIDE, blocked=over.detail if over is not None else "", danger=True, confirm=confirm
        ),
    ]
