"""What more power would have done in the last days, from the evidence that there is of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet

from meshconsole.healing.cases.states import CaseEvent, CaseState
from meshconsole.healing.models import Anomaly, CaseEntry, HealingCase, Scope, Testimony
from meshconsole.inventory.models import Instance

DAYS = 7
_APPS_NAMED = 5
_WOULD = {
    "off": "callers would leave out nobody.",
    "report": "callers would have said so, and left out nobody.",
    "weight": "each would have kept a small share of its requests.",
    "eject": "each would have been left out until it answered again.",
}


def of_ejection(apps: Sequence[str], to: str, now: datetime) -> list[str]:
    """Instances that callers found failing, by application, and what the mode would have done."""
    rows = Anomaly.objects.filter(
        scope=Scope.INSTANCE, subject_app__in=apps, first_at__gte=_since(now)
    )
    found = []
    for app, faults in _busiest(rows, "subject_app"):
        mine = rows.filter(subject_app=app)
        instances = mine.values("subject_instance").distinct().count()
        by_two = _believed(app, now)
        there = Instance.objects.open().filter(application__name=app).count()
        found.append(
            f"In the last {DAYS} days callers of {app} found {instances} of its instances failing "
            f"({there} are there now), {faults} times in all, and two or more callers agreed on "
            f"{by_two}. In mode {to} {_WOULD[to]}"
        )
    return found or [f"In the last {DAYS} days no caller found an instance failing there."]


def of_cases(apps: Sequence[str], to: str, now: datetime) -> list[str]:
    """What became of the cases, and how many would have been acted upon."""
    rows = HealingCase.objects.filter(app__in=apps, opened_at__gte=_since(now))
    found = []
    for app, opened in _busiest(rows, "app"):
        mine = rows.filter(app=app)
        mended = mine.filter(outcome=CaseState.RECOVERED).count()
        entries = CaseEntry.objects.filter(case__in=mine, event=CaseEvent.QUORUM_REACHED)
        agreed = entries.values("case").distinct().count()
        false = mine.filter(mark="false_alarm").count()
        found.append(
            f"In the last {DAYS} days {opened} {_case(opened)} of {app} {_was(opened)} opened; "
            f"{mended} mended {'itself' if mended == 1 else 'themselves'}, callers agreed on "
            f"{agreed}, {false} {_was(false)} marked as a false alarm. "
            f"In mode {to} {_acted(to, agreed)}"
        )
    return found or [f"In the last {DAYS} days no case was opened there."]


def _case(count: int) -> str:
    return "case" if count == 1 else "cases"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _acted(to: str, agreed: int) -> str:
    if to == "observe":
        return "nothing would have been done."
    asked = "without asking where every gate passed" if to == "auto" else "after an approval"
    return f"up to {agreed} would have been acted upon, {asked}."


def _believed(app: str, now: datetime) -> int:
    said = Testimony.objects.filter(
        anomaly__subject_app=app,
        anomaly__scope=Scope.INSTANCE,
        anomaly__first_at__gte=_since(now),
    )
    by = said.values("anomaly__subject_instance").annotate(
        words=Count("reporter_instance", distinct=True)
    )
    return by.filter(words__gte=2).count()


def _busiest(rows: QuerySet[Anomaly] | QuerySet[HealingCase], name: str) -> list[tuple[str, int]]:
    """Applications with the most rows, and how many."""
    counted = rows.order_by().values_list(name).annotate(count=Count("pk"))
    return [(app, count) for app, count in counted.order_by("-count", name)[:_APPS_NAMED]]


def _since(now: datetime) -> datetime:
    return now - timedelta(days=DAYS)
