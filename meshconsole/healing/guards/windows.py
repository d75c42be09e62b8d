"""Times in which healing keeps still or asks: maintenance windows and protected hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from django.db import transaction

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import FieldFault, Invalid, NotFound
from meshconsole.healing.guards.hours import is_zone, told
from meshconsole.healing.guards.models import MESH, MaintenanceWindow, ProtectedHours
from meshconsole.healing.guards.parameters import SCOPES
from meshconsole.healing.guards.selectors import maintenance_windows
from meshconsole.healing.guards.services import REASON_LIMIT, check_application
from meshconsole.inventory.models import Application, Instance, Unit
from meshconsole.live.publish import publish_on_commit

WINDOW_DAYS_LIMIT = 30
ROWS_LIMIT = 500


def window_create(
    *,
    scope: str,
    name: str,
    begins_at: datetime,
    ends_at: datetime,
    reason: str,
    actor: str,
    now: datetime,
) -> MaintenanceWindow:
    """Say that people work on something for a time; raises Invalid."""
    _check_scope(scope, name)
    _check_reason(reason)
    if ends_at <= begins_at or ends_at <= now:
        _refuse("/ends_at", "A window ends after it begins, and after now.")
    if ends_at - max(begins_at, now) > timedelta(days=WINDOW_DAYS_LIMIT):
        _refuse("/ends_at", f"A window lasts {WINDOW_DAYS_LIMIT} days at most: make another then.")
    if maintenance_windows(now).count() >= ROWS_LIMIT:
        _refuse("", f"There are {ROWS_LIMIT} windows already: end some first.")
    with transaction.atomic():
        row = MaintenanceWindow.objects.create(
            scope=scope,
            name=name,
            begins_at=begins_at,
            ends_at=ends_at,
            reason=reason,
            created_by=actor[:150],
            created_at=now,
        )
        _tell("maintenance_create", f"maintenance:{row.pk}", actor, reason, after=_shown(row))
    return row


def window_end(*, pk: int, reason: str, actor: str, now: datetime) -> MaintenanceWindow:
    """End a window now, or call off one that has not begun; raises NotFound."""
    _check_reason(reason)
    with transaction.atomic():
        row = maintenance_windows(now).select_for_update().filter(pk=pk).first()
        if row is None:
            raise NotFound(f"There is no maintenance window {pk} that has not ended.")
        before = _shown(row)
        _tell("maintenance_end", f"maintenance:{row.pk}", actor, reason, before=before)
        if row.begins_at >= now:
            row.delete()
        else:
            row.ends_at = now
            row.save(update_fields=["ends_at"])
    return row


def hours_create(
    *,
    weekdays: Sequence[int],
    begins: time,
    ends: time,
    reason: str,
    actor: str,
    now: datetime,
    application: str = MESH,
    time_zone: str = "UTC",
) -> ProtectedHours:
    """Let every action in these hours ask for a person; raises Invalid."""
    check_application(application)
    _check_reason(reason)
    days = sorted(set(weekdays))
    if not days or not all(1 <= day <= 7 for day in days):
        _refuse("/weekdays", "Weekdays are numbers from 1 (Monday) to 7, at least one of them.")
    if not is_zone(time_zone):
        _refuse("/time_zone", f"{time_zone!r} is no time zone; UTC and Europe/Berlin are.")
    if ProtectedHours.objects.count() >= ROWS_LIMIT:
        _refuse("", f"There are {ROWS_LIMIT} protected hours already: end some first.")
    with transaction.atomic():
        row = ProtectedHours.objects.create(
            application=application,
            weekdays=days,
            begins=begins,
            ends=ends,
            time_zone=time_zone,
            reason=reason,
            created_by=actor[:150],
            created_at=now,
        )
        _tell(
            "protected_hours_create", f"protected-hours:{row.pk}", actor, reason,
            after=_hours_shown(row),
        )  # fmt: skip
    return row


def hours_end(*, pk: int, reason: str, actor: str) -> ProtectedHours:
    """Take protected hours away; raises NotFound."""
    _check_reason(reason)
    with transaction.atomic():
        row = ProtectedHours.objects.select_for_update().filter(pk=pk).first()
        if row is None:
            raise NotFound(f"There are no protected hours {pk}.")
        _tell(
            "protected_hours_end", f"protected-hours:{row.pk}", actor, reason,
            before=_hours_shown(row),
        )  # fmt: skip
        row.delete()
    return row


def hours_told(row: ProtectedHours) -> str:
    """The hours as people say them."""
    return told(row.weekdays, row.begins, row.ends, row.time_zone)


def _check_scope(scope: str, name: str) -> None:
    if scope not in SCOPES:
        _refuse("/scope", f"There is no scope {scope!r}; there are {', '.join(SCOPES)}.")
    found = {
        "mesh": lambda: name == MESH,
        "unit": lambda: Unit.objects.filter(name=name).exists(),
        "application": lambda: Application.objects.filter(name=name).exists(),
        "instance": lambda: Instance.objects.filter(instance_id=name).exists(),
    }
    if not found[scope]():
        sentence = (
            f"There is no {scope} {name!r}."
            if scope != "mesh"
            else ("A window of the mesh names nothing: leave the name out.")
        )
        _refuse("/name", sentence)


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > REASON_LIMIT:
        _refuse("/reason", f"Say why, in at most {REASON_LIMIT} characters.")


def _refuse(pointer: str, sentence: str) -> None:
    raise Invalid(sentence, errors=[FieldFault(pointer=pointer, detail=sentence)])


def _shown(row: MaintenanceWindow) -> dict[str, str]:
    return {
        "scope": row.scope,
        "name": row.name,
        "begins_at": row.begins_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
    }


def _hours_shown(row: ProtectedHours) -> dict[str, Any]:
    return {
        "application": row.application or "mesh",
        "hours": hours_told(row),
    }


def _tell(verb: str, object: str, actor: str, reason: str, **change: Any) -> None:
    audit_record(actor=actor, verb=verb, object=object, reason=reason, **change)
    publish_on_commit(topic="guards", kind=verb, ref=object)
