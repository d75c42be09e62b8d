"""Scores of the policies in force, by the marks that people gave their cases."""

from __future__ import annotations

from datetime import datetime

from healer.policy.score import outcome, score_of
from healer.replay.reading import events_of
from healer.replay.stories import step_reached
from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.scores import SPAN, applications_to_score, score_keep

APPLICATIONS_LIMIT = 20
CASES_LIMIT = 500
"""The latest of each application."""


def scores_update(now: datetime) -> int:
    """Score anew what changed; returns how many applications were."""
    apps = applications_to_score(limit=APPLICATIONS_LIMIT)
    for app in apps:
        rows = HealingCase.objects.filter(app=app, opened_at__gte=now - SPAN)
        cases = list(rows.order_by("-id").values_list("pk", "opened_at", "mark")[:CASES_LIMIT])
        events = events_of([pk for pk, _, _ in cases])
        steps = (
            outcome(step_reached(events[pk], opened_at.timestamp())[0], mark)
            for pk, opened_at, mark in cases
        )
        score_keep(app, score_of(steps), now=now)
    return len(apps)
