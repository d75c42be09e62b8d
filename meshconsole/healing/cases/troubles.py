"""Which instances are in trouble now: left out by callers, or with an open case."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from meshconsole.healing.cases.models import HealingCase
from meshconsole.healing.cases.states import OPEN
from meshconsole.healing.evidence.ejections import ejections_now
from meshconsole.inventory.models import Instance
from meshconsole.telemetry.notes import Note

ROWS_LIMIT = 5000


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one instance."""

    callers: int = 0
    """How many callers leave it out, or leave it a small share."""
    case: int | None = None
    """Its open case."""
    state: str = ""
    """Of that case."""


def troubles_of(instances: Iterable[str] | None, now: datetime) -> dict[str, Trouble]:
    """By instance, of these or of all; who is not in there is not in trouble."""
    cases = HealingCase.objects.filter(state__in=sorted(OPEN))
    left_out = (
        ejections_now(now=now).filter(mode__in=("eject", "weight")).exclude(state="returning")
    )
    if instances is not None:
        wanted = list(instances)
        cases = cases.filter(instance__in=wanted)
        left_out = left_out.filter(subject_instance__in=wanted)
    callers: dict[str, int] = {}
    for name in left_out.values_list("subject_instance", flat=True)[:ROWS_LIMIT]:
        callers[name] = callers.get(name, 0) + 1
    open_cases = {
        name: (pk, state)
        for name, pk, state in cases.values_list("instance", "pk", "state")[:ROWS_LIMIT]
    }
    return {
        name: Trouble(
            callers=callers.get(name, 0),
            case=open_cases[name][0] if name in open_cases else None,
            state=open_cases[name][1] if name in open_cases else "",
        )
        for name in callers.keys() | open_cases.keys()
    }


def topology_notes(now: datetime) -> list[Note]:
    """The same for the graph: where each instance in trouble belongs."""
    troubles = troubles_of(None, now)
    if not troubles:
        return []
    seats = Instance.objects.filter(instance_id__in=list(troubles)).values_list(
        "instance_id", "application__name", "unit__name", "group__name"
    )
    return [
        Note(
            app=app,
            unit=unit,
            group=group,
            is_ejected=bool(troubles[name].callers),
            has_case=troubles[name].case is not None,
        )
        for name, app, unit, group in seats.order_by()
    ]
