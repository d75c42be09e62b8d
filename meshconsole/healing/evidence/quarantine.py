"""What was not believed: counted, with the last example, so that a person can look at it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from meshconsole.healing.evidence.claims import Refusal
from meshconsole.healing.evidence.models import Quarantine
from proxy.contract.identity import InstanceIdentity

logger = logging.getLogger(__name__)

Refused = tuple[InstanceIdentity, Refusal]
Counted = tuple[InstanceIdentity, Refusal, int]
"""The last of so many refusals for one reason."""


def quarantine(refused: Iterable[Refused], now: datetime) -> None:
    """Count what was not believed under its reporter and reason, with the last example."""
    counted: dict[tuple[str, str], Counted] = {}
    for reporter, refusal in refused:
        key = (reporter.instance, refusal.reason)
        count = counted[key][2] if key in counted else 0
        counted[key] = (reporter, refusal, count + 1)
    quarantine_add(counted.values(), now)


def quarantine_add(counted: Iterable[Counted], now: datetime) -> None:
    """The same for what was counted already."""
    for reporter, refusal, count in counted:
        detail = refusal.detail[:300]
        row, is_new = Quarantine.objects.get_or_create(
            reporter_instance=reporter.instance,
            reason=refusal.reason,
            defaults={
                "reporter_app": reporter.app,
                "detail": detail,
                "report_count": count,
                "first_at": now,
                "last_at": now,
            },
        )
        if not is_new:
            Quarantine.objects.filter(pk=row.pk).update(
                report_count=F("report_count") + count, last_at=now, detail=detail
            )
        logger.warning(
            "report not believed",
            extra={"node_id": reporter.instance, "reason": refusal.reason, "count": count},
        )
