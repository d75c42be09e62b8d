"""Forgetting the rounds of gates of rollouts that ended long ago; how each gate ended is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from meshconsole.rollouts.models import Evaluation
from meshconsole.rollouts.states import TERMINAL

ROUNDS_KEPT = timedelta(days=30)
BATCH = 5000


def evaluations_prune(*, now: datetime, limit: int = BATCH) -> int:
    """Forget all rounds but the last of each wave; returns how many went. A soak of half an hour
    has sixty rounds of ten gates: charts of a month ago are not worth their rows."""
    old = Evaluation.objects.filter(
        wave__rollout__state__in=TERMINAL,
        wave__rollout__ended_at__lt=now - ROUNDS_KEPT,
        round__lt=F("wave__rounds"),
    )
    chosen = list(old.order_by("pk").values_list("pk", flat=True)[:limit])
    return Evaluation.objects.filter(pk__in=chosen).delete()[0] if chosen else 0
