"""How well each application's policy did: kept by the healer, shown beside the policy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from django.db.models import Q

from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.score import Score
from meshconsole.healing.cases.score_models import PolicyScore

SPAN = timedelta(days=30)
"""Cases that were opened in so long count."""


def score_keep(application: str, score: Score, *, now: datetime) -> None:
    """The newest score of an application."""
    PolicyScore.objects.update_or_create(
        application=application,
        defaults={"score": msgspec.to_builtins(score), "scored_at": now},
    )


def scores_of(applications: Iterable[str]) -> dict[str, Score]:
    """By application, those that have one."""
    rows = PolicyScore.objects.filter(application__in=list(applications))
    return {row.application: msgspec.convert(row.score, Score) for row in rows}


def applications_to_score(*, limit: int) -> list[str]:
    """Those whose cases were closed or marked since they were scored last."""
    scored = dict(PolicyScore.objects.values_list("application", "scored_at"))
    changed = []
    for app in HealingCase.objects.order_by("app").values_list("app", flat=True).distinct():
        rows = HealingCase.objects.filter(app=app)
        since = scored.get(app)
        if since is None or rows.filter(Q(closed_at__gte=since) | Q(marked_at__gte=since)).exists():
            changed.append(app)
        if len(changed) >= limit:
            break
    return changed
