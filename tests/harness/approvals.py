"""A case whose plan waits for people, as the healer would have made it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.approvals import approval_request
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.states import CaseState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_plan(action: str = "restart_process", rung: int = 2) -> dict[str, Any]:
    """A plan as it is stored."""
    made = {
        "action": action,
        "instance": "order-1",
        "app": "order",
        "unit": "unit1",
        "rung": rung,
        "evidence_version": 1,
        "approvals_needed": 1,
        "gates": [
            {
                "name": "service_out",
                "ok": True,
                "value": 1.0,
                "bound": 1.0,
                "unit": "count",
                "reason": "1 of 3 instances would be out; 1 may be.",
                "hard": True,
            },
            {
                "name": "blast_radius",
                "ok": False,
                "value": 0.33,
                "bound": 0.05,
                "unit": "ratio",
                "reason": "It takes 33% of the capacity; 5% may be taken without asking.",
                "hard": False,
            },
        ],
    }
    return made | {"hash": hashlib.sha256(repr(made).encode()).hexdigest()}


def an_approval(
    *,
    now: datetime = NOW,
    action: str = "restart_process",
    needed: int = 1,
    asked_by: str = "",
    instance: str = "order-1",
) -> Approval:
    """A pending one, of a case that waits for it."""
    plan = a_plan(action)
    case = HealingCase.objects.create(
        instance=instance,
        app="order",
        unit="unit1",
        state=CaseState.AWAITING_APPROVAL,
        since=now,
        opened_at=now - timedelta(minutes=4),
        due_at=now,
        rung=plan["rung"],
        plan=plan,
        plan_hash=plan["hash"],
        gates=plan["gates"],
        asked_by=asked_by,
    )
    return approval_request(
        case,
        plan,
        needed,
        now + timedelta(minutes=15),
        now=now,
        reason="It takes 33% of the capacity; 5% may be taken without asking.",
    )
