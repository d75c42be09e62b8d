"""The verbs of rollouts; each is checked, written down, and told, and may be said twice.

A verb whose result is there already changes nothing. One that the state does not allow is a
Conflict with the state in force.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from meshconsole.audit.services import audit_record
from meshconsole.core.errors import Conflict, FieldFault, Forbidden, Invalid
from meshconsole.rollouts import engine
from meshconsole.rollouts.expiring import APPROVAL_LASTS
from meshconsole.rollouts.freezes import freeze_check
from meshconsole.rollouts.guards import (
    check_reason,
    held_for,
    owned,
    owner_lock,
    owner_of,
    refuse_blocked,
    refuse_switched_off,
    refuse_unfit,
    shown,
)
from meshconsole.rollouts.kinds.registry import kind_of
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.planning import (
    approval_of,
    blockers_of,
    is_as_planned,
    rollout_of,
    waves_write,
)
from meshconsole.rollouts.record import (
    current_wave,
    move,
    pause,
    resume,
    stay_paused,
    tell,
    turn_back,
    write_down,
)
from meshconsole.rollouts.soaking import wave_passed
from meshconsole.rollouts.states import (
    DUE,
    MOVING,
    OWNING,
    RolloutEvent,
    RolloutState,
    WaveState,
)

logger = logging.getLogger(__name__)

BATCH = 20
_S, _E = RolloutState, RolloutEvent


def rollout_create(
    *,
    kind: str,
    application: str,
    spec: Mapping[str, Any],
    actor: str,
    now: datetime,
    reason: str = "",
    request_key: str | None = None,
) -> Rollout:
    """A draft; the same `request_key` again gives the same rollout. Raises Invalid, NotFound."""
    check_reason(reason)
    if request_key:
        known = Rollout.objects.filter(request_key=_key(actor, request_key)).first()
        if known is not None:
            return known
    rollout = rollout_of(kind, application, spec)
    rollout.created_by, rollout.created_at, rollout.reason = actor[:150], now, reason
    rollout.request_key = _key(actor, request_key) if request_key else None
    try:
        with transaction.atomic():
            rollout.save()
            audit_record(
                actor=actor,
                verb="rollout_create",
                object=f"rollout:{rollout}",
                after={"kind": kind, "application": application, "spec": rollout.spec},
                reason=reason,
            )
            write_down(rollout, actor=actor, verb="created", why=reason, now=now)
            tell(rollout)
    except IntegrityError:
        return Rollout.objects.get(request_key=rollout.request_key)
    return rollout


def rollout_plan(*, pk: int, actor: str, now: datetime) -> Rollout:
    """Generate the waves as the mesh is now, and show them; again for as long as it has not
    begun. Raises Conflict afterwards."""
    with held_for(pk, {_S.DRAFT, _S.PREVIEWED}, "planned") as row:
        draft = kind_of(row.kind).plan(row)
        waves_write(row, draft)
        row.approval = approval_of(row, draft)[:300]
        row.save(update_fields=["approval"])
        if row.state == _S.DRAFT:
            why = draft.summary
            move(row, _E.PLANNED, actor=actor, why=why, now=now)
    return row


def rollout_start(
    *, pk: int, actor: str, now: datetime, reason: str = "", bypass: bool = False
) -> Rollout:
    """Begin, or ask for approval where policy does. `bypass` goes past approval and freezes.

    Raises Conflict when something is in the way, Frozen, Invalid.
    """
    check_reason(reason, needed=bypass)
    with held_for(pk, {_S.PREVIEWED}, "started", done=set(OWNING)) as row:
        owner_lock(row.kind)
        if row.state in OWNING:
            if bypass and row.state == _S.AWAITING_APPROVAL:
                row.bypassed_by, row.started_at = actor[:150], now
                row.save(update_fields=["bypassed_by", "started_at"])
                move(row, _E.APPROVED, actor=actor, why=reason, now=now, due_at=now)
            return row
        draft = kind_of(row.kind).plan(row)
        refuse_blocked(blockers_of(row, draft, now), row)
        refuse_switched_off(row)
        if not bypass:
            freeze_check(row.application, now)
        if not is_as_planned(row, draft):
            raise Conflict(
                "The mesh has changed since the preview: look at the plan again, then start it.",
                code="plan_changed",
                current_state=shown(row),
            )
        row.approval = approval_of(row, draft)[:300]
        asks = bool(row.approval) and not bypass
        row.started_by, row.started_at = actor[:150], now
        row.bypassed_by = actor[:150] if bypass else ""
        row.save(update_fields=["approval", "started_by", "started_at", "bypassed_by"])
        try:
            with transaction.atomic():
                move(
                    row,
                    _E.APPROVAL_ASKED if asks else _E.CLEARED,
                    actor=actor,
                    why=row.approval if asks else reason or "No approval is needed.",
                    now=now,
                    due_at=now + APPROVAL_LASTS if asks else now,
                )
        except IntegrityError:
            raise owned(row) from None
        other = owner_of(row)
        if other is not None:
            raise owned(row, other)
    return row


def rollout_approve(*, pk: int, actor: str, now: datetime, reason: str = "") -> Rollout:
    """A second person agrees; raises Forbidden for whoever made or started it, Conflict, Frozen."""
    check_reason(reason)
    with held_for(pk, {_S.AWAITING_APPROVAL}, "approved", done=set(MOVING)) as row:
        if row.state in MOVING:
            return row
        if actor in (row.created_by, row.started_by):
            raise Forbidden("Somebody else has to approve what you asked for.", code="own_approval")
        row.approved_by, row.approved_at = actor[:150], now
        row.save(update_fields=["approved_by", "approved_at"])
        move(row, _E.APPROVED, actor=actor, why=reason or "Approved.", now=now, due_at=now)
    return row


def rollout_promote(
    *, pk: int, actor: str, now: datetime, reason: str = "", bypass: bool = False
) -> Rollout:
    """Let the wave pass now, by a person's word. What the gates have not passed needs a reason;
    what a gate has failed, or a sidecar has not taken, cannot pass. Raises Conflict, Frozen,
    Invalid."""
    check_reason(reason, needed=bypass)
    with held_for(pk, {_S.SOAKING, _S.PAUSED}, "promoted") as row:
        wave = current_wave(row)
        if wave is None or wave.state == WaveState.PLANNED:
            raise Conflict(
                "No wave is in force that could pass; resume it instead.",
                code="nothing_to_promote",
                current_state=shown(row),
            )
        refuse_switched_off(row)
        if not bypass:
            freeze_check(row.application, now, bypassed_at=row.bypassed_at)
        if not refuse_unfit(row, wave) and not reason.strip():
            sentence = "The gates have not passed this wave: say why it may pass all the same."
            raise Invalid(
                sentence,
                code="reason_needed",
                errors=[FieldFault(pointer="/reason", detail=sentence)],
            )
        why = reason or "The gates pass; the rest of the soak is left out."
        wave_passed(row, wave, _E.PROMOTED, actor=actor, why=why, now=now)
    return row


def rollout_pause(*, pk: int, actor: str, now: datetime, reason: str = "") -> Rollout:
    """Write nothing more, undo nothing; one that something brakes then waits for a person. Raises
    Conflict."""
    check_reason(reason)
    with held_for(pk, {_S.PROGRESSING, _S.SOAKING}, "paused", done={_S.PAUSED}) as row:
        why = reason or f"Paused by {actor}."
        if row.state != _S.PAUSED:
            pause(row, current_wave(row), actor=actor, why=why, now=now)
        elif row.braked_by:
            stay_paused(row, actor=actor, why=why, now=now)
    return row


def rollout_resume(*, pk: int, actor: str, now: datetime, reason: str = "") -> Rollout:
    """Go on where it was, past the cases of healing that are there now, but past no kill switch;
    a wave that was soaking is seen in force and soaks anew. Raises Conflict."""
    check_reason(reason)
    done = {_S.PROGRESSING, _S.SOAKING}
    with held_for(pk, {_S.PAUSED}, "resumed", done=done) as row:
        if row.state == _S.PAUSED:
            refuse_switched_off(row)
            why = reason or f"Resumed by {actor}."
            resume(row, actor=actor, why=why, now=now, brakes_passed_at=now)
    return row


def rollout_abort(*, pk: int, actor: str, now: datetime, reason: str = "") -> Rollout:
    """Give it up: what has not begun is over, what has begun is rolled back."""
    check_reason(reason)
    unbegun = {_S.DRAFT, _S.PREVIEWED, _S.AWAITING_APPROVAL, _S.APPROVED}
    begun = {_S.PROGRESSING, _S.SOAKING, _S.PAUSED}
    done = {_S.ROLLING_BACK, _S.ROLLED_BACK}
    with held_for(pk, unbegun | begun, "aborted", done=done) as row:
        why = reason or f"Aborted by {actor}."
        if row.state in unbegun:
            move(row, _E.ABORTED, actor=actor, why=why, now=now, due_at=None, ended_at=now)
        elif row.state in begun:
            turn_back(row, _E.ROLLBACK_ASKED, actor=actor, why=why, now=now)
    return row


def rollout_rollback(*, pk: int, actor: str, now: datetime, reason: str = "") -> Rollout:
    """Undo what it wrote; of a stuck one, try once more."""
    check_reason(reason)
    allowed = {_S.PROGRESSING, _S.SOAKING, _S.PAUSED, _S.STUCK}
    done = {_S.ROLLING_BACK, _S.ROLLED_BACK}
    with held_for(pk, allowed, "rolled back", done=done) as row:
        if row.state in allowed:
            why = reason or f"Rolled back by {actor}."
            turn_back(row, _E.ROLLBACK_ASKED, actor=actor, why=why, now=now)
    return row


def rollouts_advance(now: datetime, limit: int = BATCH) -> int:
    """Move on what is due, each rollout by one step; one that fails stops no other."""
    due = Rollout.objects.filter(state__in=DUE, due_at__lte=now).order_by("due_at")
    moved = 0
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        try:
            moved += engine.step(pk, now)
        except Exception:  # whatever it is, the claim ends and the step is tried again
            logger.exception("rollout step failed", extra={"rollout": pk})
    return moved


def _key(actor: str, key: str) -> str:
    return f"{actor[:80]}:{key}"[:200]
