"""What was not believed: counted, with the last example, so that a person can look at it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from meshconsole.healing.evidence import Refusal
from meshconsole.healing.models import Quarantine
from proxy.contract.identity import InstanceIdentity

logger = logging.getLogger(__name__)

Refused = tuple[InstanceIdentity, Refusal]


def quarantine(refused: Iterable[Refused], now: datetime) -> None:
    """Count what was not believed under its reporter and reason, with the last example."""
    by_reason: dict[tuple[InstanceIdentity, str], list[Refusal]] = {}
    for reporter, refusal in refused:
        by_reason.setdefault((reporter, refusal.reason), []).append(refusal)
    for (reporter, reason), refusals in by_reason.items():
        detail = refusals[-1].detail[:300]
        row, is_new = Quarantine.objects.get_or_create(
            reporter_instance=reporter.instance,
            reason=reason,
            defaults={
                "reporter_app": reporter.app,
                "detail": detail,
                "report_count": len(refusals),
                "first_at": now,
                "last_at": now,
            },
        )
        if not is_new:
            Quarantine.objects.filter(pk=row.pk).update(
                report_count=F("report_count") + len(refusals), last_at=now, detail=detail
            )
        logger.warning(
            "report not believed",
            extra={"node_id": reporter.instance, "reason": reason, "count": len(refusals)},
        )
