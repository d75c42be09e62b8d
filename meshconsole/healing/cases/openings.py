"""Which evidence opens a case: the first report at once, and what goes on failing after one."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.services import cases_open, subject_of
from meshconsole.healing.cases.states import OPEN
from meshconsole.healing.evidence.models import Anomaly, Family, Scope
from meshconsole.healing.evidence.states import AnomalyState


def may_open_case(anomaly: Anomaly) -> bool:
    """Is it about one instance, and that it fails? Being slow is only told."""
    return anomaly.scope == Scope.INSTANCE and anomaly.family != Family.LATENCY


def cases_catch_up(*, now: datetime, limit: int = 50) -> int:
    """Open a case for each instance that is reported failing and has none; returns how many.

    The first report does that at once. This finds what was reported again after its case was over:
    what was said before that is what the case has dealt with.
    """
    has_case = HealingCase.objects.filter(instance=OuterRef("subject_instance")).filter(
        Q(state__in=sorted(OPEN)) | Q(closed_at__gte=OuterRef("updated_at"))
    )
    failing = Anomaly.objects.filter(state=AnomalyState.OPEN, testimonies__is_failing=True)
    lonely = failing.exclude(Exists(has_case)).order_by("subject_instance").distinct()
    found = [subject_of(anomaly) for anomaly in lonely[:limit] if may_open_case(anomaly)]
    if not found:
        return 0
    with transaction.atomic():
        return len(cases_open(found, now=now))
