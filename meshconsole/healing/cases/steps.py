"""The executed steps of a case as rows: planned, begun, taken over, ended, the instance returned.

A step is held by a lease and a fence. Whoever begins it or takes it over gets a fence that is
greater than any before; what an older fence would write is not written.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from meshconsole.core.crashpoints import written
from meshconsole.healing.cases.models import HealingCase, Remediation
from meshconsole.healing.cases.services import HEALER, REASON_LIMIT, Lost, case_tell, fence_raise
from meshconsole.healing.cases.states import UNFINISHED, RemediationState
from meshconsole.inventory.models import Instance
from meshconsole.inventory.services import instance_drain, instance_restore
from meshconsole.inventory.states import InstanceState

LEASE = timedelta(seconds=20)
"""Renewed at each answer of the actuator, none of which takes longer. Whoever finds it ended goes
on within a tick, so that a step whose worker was killed is resumed within half a minute."""
CHECKS_KEPT = 60


def step_plan(case: HealingCase, *, plan: dict[str, Any], actuator: str, now: datetime) -> None:
    """Write down what is going to be done, in the caller's transaction; nothing is begun."""
    number = Remediation.objects.filter(case=case).count() + 1
    Remediation.objects.create(
        case=case,
        step=number,
        rung=plan["rung"],
        instance=case.instance,
        app=case.app,
        unit=case.unit,
        action=plan["action"],
        actuator=actuator,
        key=f"case-{case.pk}-{number}-{secrets.token_hex(6)}",
        detail="Planned.",
        created_at=now,
    )


def step_prepared(step: Remediation, *, before: str, detail: str) -> None:
    """Keep what a dry run found: what is there now, to be compared with afterwards."""
    with transaction.atomic():
        _changed(
            step, request={**step.request, "before": before, "is_checked": True}, detail=detail
        )
        written("step-prepared")


def instance_unpublish(step: Remediation, *, now: datetime, reason: str) -> None:
    """Send the instance nothing more, and remember whether it was sent anything before.

    Whoever drained it already keeps it drained: it is not given back afterwards.
    """
    with transaction.atomic():
        row = _instance(step)
        was_serving = row is not None and row.state == InstanceState.SERVING
        _changed(step, unpublished_at=now, was_serving=was_serving, detail="Nothing is sent to it.")
        if row is not None and was_serving:
            instance_drain(row, actor=HEALER, reason=reason)
        written("step-unpublished")


def instance_return(step: Remediation, *, now: datetime, reason: str, actor: str = HEALER) -> None:
    """Send the instance requests again if it was taken out for this step; twice is once."""
    with transaction.atomic():
        row = _instance(step)
        mine = Remediation.objects.filter(
            pk=step.pk, unpublished_at__isnull=False, restored_at__isnull=True
        )
        if not mine.update(restored_at=now):
            return
        step.restored_at = now
        if row is not None and step.was_serving and row.state == InstanceState.DRAINING:
            instance_restore(row, actor=actor, reason=reason)
        written("step-restored")


def instance_return_of(case: HealingCase, *, now: datetime, reason: str, actor: str) -> None:
    """The same for whatever step of a case took it out last."""
    out = Remediation.objects.filter(
        case=case, unpublished_at__isnull=False, restored_at__isnull=True
    )
    for step in out:
        instance_return(step, now=now, reason=reason, actor=actor)


def step_begin(
    step: Remediation, *, fence: int, owner: str, request: dict[str, Any], now: datetime
) -> None:
    """The actuator is going to be asked, in the caller's transaction; raises Lost."""
    mine = Remediation.objects.filter(
        pk=step.pk, state=RemediationState.PLANNED, ended_at__isnull=True
    )
    begun = mine.update(
        state=RemediationState.RUNNING,
        fence=fence,
        lease_owner=owner,
        lease_until=now + LEASE,
        attempt=1,
        request=request,
        started_at=now,
        drained_at=now,
        detail="The actuator is asked.",
    )
    if not begun:
        raise Lost
    step.refresh_from_db()


def step_take_over(step: Remediation, *, owner: str, now: datetime) -> bool:
    """Go on with a step whose lease has ended, under a fence of one's own; False when somebody
    else does."""
    with transaction.atomic():
        fence = fence_raise()
        ended = Remediation.objects.filter(
            pk=step.pk,
            fence=step.fence,
            state__in=sorted(UNFINISHED),
            ended_at__isnull=True,
            lease_until__lte=now,
        )
        if not ended.update(
            fence=fence, lease_owner=owner, lease_until=now + LEASE, attempt=F("attempt") + 1
        ):
            return False
        written("step-taken-over")
    step.refresh_from_db()
    return True


def step_renew(step: Remediation, *, owner: str, now: datetime) -> bool:
    """Hold on to a step before the actuator is asked again; False when it was lost."""
    mine = Remediation.objects.filter(
        pk=step.pk, fence=step.fence, lease_owner=owner, ended_at__isnull=True
    )
    return bool(mine.update(lease_until=now + LEASE))


def step_record(
    step: Remediation,
    *,
    state: RemediationState,
    detail: str,
    now: datetime,
    result: dict[str, Any] | None = None,
) -> bool:
    """Keep the actuator's answer, and let the case be looked at; False for an outdated fence."""
    is_over = state not in UNFINISHED
    changes: dict[str, Any] = {"state": state, "detail": detail[:REASON_LIMIT]}
    if result is not None:
        changes["result"] = result
    if is_over:
        changes |= {"ended_at": now, "lease_owner": "", "lease_until": None}
    else:
        changes["lease_until"] = now + LEASE
    with transaction.atomic():
        mine = Remediation.objects.filter(pk=step.pk, fence=step.fence, ended_at__isnull=True)
        if not mine.update(**changes):
            return False
        step.refresh_from_db()
        case_tell(step.case, "acting")
        written(f"step-{state}")
    HealingCase.objects.filter(pk=step.case_id, due_at__gt=now).update(due_at=now)
    return True


def step_abandon(step: Remediation, *, now: datetime, detail: str) -> None:
    """End a step, begun or not, about which nothing more is asked, in the caller's transaction."""
    open_step = Remediation.objects.filter(pk=step.pk, ended_at__isnull=True)
    open_step.update(
        state=RemediationState.FAILED,
        ended_at=now,
        lease_owner="",
        lease_until=None,
        detail=detail[:REASON_LIMIT],
    )


def step_check(step: Remediation, *, kind: str, ok: bool, detail: str, now: datetime) -> None:
    """Keep one test made after the action."""
    check = {"at": now.timestamp(), "kind": kind, "ok": ok, "detail": detail[:200]}
    with transaction.atomic():
        row = Remediation.objects.select_for_update().get(pk=step.pk)
        _changed(row, checks=[*row.checks, check][-CHECKS_KEPT:])
        written(f"step-check-{kind}")
    HealingCase.objects.filter(Q(due_at__gt=now), pk=step.case_id).update(due_at=now)


def _instance(step: Remediation) -> Instance | None:
    return Instance.objects.select_for_update().filter(instance_id=step.instance).first()


def _changed(step: Remediation, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(step, name, value)
    step.save(update_fields=list(changes))
