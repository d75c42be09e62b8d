"""Reading cases: a list with facets, one with its steps, its timeline, and what counts against
budgets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from meshconsole.core.errors import NotFound
from meshconsole.healing.cases.models import CaseEntry, HealingCase, Remediation
from meshconsole.healing.cases.states import COUNTED, OPEN, WAITING_FOR_PERSON, CaseState
from meshconsole.healing.evidence.selectors import FACET_VALUES, Facet, Facets, FacetValue

FACETS: dict[str, str] = {
    "state": "state",
    "application": "app",
    "unit": "unit",
    "outcome": "outcome",
}
"""What the list can be narrowed by, and the column it stands for."""
FILTERS = FACETS | {"instance": "instance", "mark": "mark", "trigger": "trigger"}
STANDINGS: dict[str, frozenset[CaseState]] = {"open": OPEN, "waiting": WAITING_FOR_PERSON}
"""Words that stand for several states: every one that is not over, that waits for a person."""


def case_list(picked: Mapping[str, str], *, text: str = "") -> QuerySet[HealingCase]:
    """Cases, open ones first and then newest first; `picked` is by the names of FILTERS."""
    is_over = Case(
        When(state__in=sorted(OPEN), then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return _narrowed(_matching(text), picked).annotate(is_over=is_over).order_by("is_over", "-id")


def case_facets(picked: Mapping[str, str], *, text: str = "") -> Facets:
    """The facets of the list as it is narrowed now."""
    rows = _matching(text)
    return Facets([_facet(rows, picked, name) for name in FACETS])


def case_open_count() -> int:
    """How many are not over."""
    return HealingCase.objects.filter(state__in=sorted(OPEN)).count()


def case_waiting_count() -> int:
    """How many wait for a person."""
    return HealingCase.objects.filter(state__in=sorted(WAITING_FOR_PERSON)).count()


def case_get(pk: int) -> HealingCase:
    """One case; NotFound."""
    found = HealingCase.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no case {pk}.")
    return found


def case_open_of(instance: str) -> HealingCase | None:
    """The case that owns an instance now."""
    return HealingCase.objects.filter(instance=instance, state__in=sorted(OPEN)).first()


def cases_of(instance: str) -> QuerySet[HealingCase]:
    """Every case of an instance, newest first."""
    return HealingCase.objects.filter(instance=instance).order_by("-id")


def entries_of(pk: int) -> QuerySet[CaseEntry]:
    """A case's timeline, oldest line first."""
    return CaseEntry.objects.filter(case=pk).order_by("pk")


def remediations_of(pk: int) -> QuerySet[Remediation]:
    """What was done for a case, in order."""
    return Remediation.objects.filter(case=pk).order_by("step")


def actions_on(instance: str) -> QuerySet[Remediation]:
    """Every action ever begun on an instance, newest first."""
    begun = Remediation.objects.filter(instance=instance, started_at__isnull=False)
    return begun.select_related("case").order_by("-started_at")


def cases_out() -> QuerySet[HealingCase]:
    """Cases that use up budgets: executing, waiting for approval, or with an instance that was
    taken out of service for them and has not come back."""
    unreturned = Remediation.objects.filter(
        case=OuterRef("pk"), unpublished_at__isnull=False, restored_at__isnull=True
    )
    still_out = Q(state__in=sorted(OPEN)) & Exists(unreturned)
    return HealingCase.objects.filter(Q(state__in=sorted(COUNTED)) | still_out).order_by("pk")


def out_of_app(app: str) -> QuerySet[HealingCase]:
    """Those of one application: what else of a service is out."""
    return cases_out().filter(app=app)


def opened_since(at: datetime) -> QuerySet[HealingCase]:
    """Cases opened since, newest first."""
    return HealingCase.objects.filter(opened_at__gt=at).order_by("-opened_at")


def _matching(text: str) -> QuerySet[HealingCase]:
    rows = HealingCase.objects.all()
    if text:
        rows = rows.filter(Q(instance__icontains=text) | Q(address__icontains=text))
    return rows


def _narrowed(rows: QuerySet[HealingCase], picked: Mapping[str, str]) -> QuerySet[HealingCase]:
    given = {name: picked[name] for name in FILTERS if picked.get(name)}
    if given.get("state") in STANDINGS:
        rows = rows.filter(state__in=sorted(STANDINGS[given.pop("state")]))
    return rows.filter(**{FILTERS[name]: value for name, value in given.items()})


def _facet(rows: QuerySet[HealingCase], picked: Mapping[str, str], name: str) -> Facet:
    column = FACETS[name]
    others = {other: value for other, value in picked.items() if other != name}
    rows = _narrowed(rows, others).order_by()
    counted = rows.values_list(column).annotate(n=Count("pk")).order_by("-n", column)[:FACET_VALUES]
    values = [FacetValue(value=value, count=n) for value, n in counted if value]
    return Facet(name=name, values=[*_standings(rows), *values] if name == "state" else values)


def _standings(rows: QuerySet[HealingCase]) -> list[FacetValue]:
    counts = {word: rows.filter(state__in=sorted(some)).count() for word, some in STANDINGS.items()}
    return [FacetValue(value=word, count=n) for word, n in counts.items() if n]
