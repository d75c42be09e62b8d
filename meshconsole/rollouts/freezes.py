"""Freeze windows: times in which nothing new is put in force."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import FieldFault, Frozen, Invalid, NotFound
from meshconsole.live.publish import publish_on_commit
from meshconsole.rollouts.models import MESH, FreezeWindow

REASON_LIMIT = 300


def freezes(now: datetime) -> QuerySet[FreezeWindow]:
    """Those that have not ended, the next one first."""
    return FreezeWindow.objects.filter(ends_at__gt=now).order_by("begins_at", "pk")


def freeze_for(
    application: str, now: datetime, *, bypassed_at: datetime | None = None
) -> FreezeWindow | None:
    """The window in which a change of this application (empty: the mesh) falls; the longest. Those
    that were known when it was bypassed do not count."""
    mine = Q(application=MESH) if application else Q()
    if application:
        mine |= Q(application=application)
    if bypassed_at is not None:
        mine &= Q(created_at__gt=bypassed_at)
    return freezes(now).filter(mine, begins_at__lte=now).order_by("-ends_at").first()


def freeze_check(application: str, now: datetime, *, bypassed_at: datetime | None = None) -> None:
    """Raise Frozen (423) inside of a window, with its reason and its end."""
    window = freeze_for(application, now, bypassed_at=bypassed_at)
    if window is not None:
        until = window.ends_at.isoformat(timespec="minutes")
        raise Frozen(
            f"Changes are frozen until {until}: {window.reason}. Wait, or ask an admin to bypass.",
            current_state={"freeze": window.pk, "ends_at": window.ends_at.isoformat()},
            retry_after_seconds=int((window.ends_at - now).total_seconds()) + 1,
        )


def freeze_create(
    *,
    begins_at: datetime,
    ends_at: datetime,
    reason: str,
    actor: str,
    now: datetime,
    application: str = MESH,
) -> FreezeWindow:
    """Forbid new changes for a time; raises Invalid."""
    if ends_at <= begins_at or ends_at <= now:
        sentence = "A freeze ends after it begins, and after now."
        raise Invalid(sentence, errors=[FieldFault(pointer="/ends_at", detail=sentence)])
    with transaction.atomic():
        window = FreezeWindow.objects.create(
            application=application,
            begins_at=begins_at,
            ends_at=ends_at,
            reason=reason[:REASON_LIMIT],
            created_by=actor[:150],
            created_at=now,
        )
        _tell(window, "freeze_create", actor, reason)
    return window


def freeze_end(*, pk: int, actor: str, now: datetime, reason: str = "") -> FreezeWindow:
    """End a freeze now, or call off one that has not begun; raises NotFound."""
    with transaction.atomic():
        window = freezes(now).select_for_update().filter(pk=pk).first()
        if window is None:
            raise NotFound(f"There is no freeze {pk} that has not ended.")
        if window.begins_at >= now:
            _tell(window, "freeze_end", actor, reason)
            window.delete()
            return window
        window.ends_at = now
        window.save(update_fields=["ends_at"])
        _tell(window, "freeze_end", actor, reason)
    return window


def _tell(window: FreezeWindow, verb: str, actor: str, reason: str) -> None:
    audit_record(
        actor=actor,
        verb=verb,
        object=f"freeze:{window.pk}",
        after={
            "application": window.application,
            "begins_at": window.begins_at.isoformat(),
            "ends_at": window.ends_at.isoformat(),
        },
        reason=reason,
    )
    publish_on_commit(topic="freezes", kind=verb, ref=str(window.pk))
