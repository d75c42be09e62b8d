"""Notices as rows: made once from a case's timeline, claimed, and sent or given up, all on record.

A notice goes out at least once: whoever claimed one and died leaves it to be claimed again.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from meshconsole.audit.services import audit_record
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.approval_states import ApprovalState
from meshconsole.healing.cases.models import CaseEntry
from meshconsole.healing.cases.services import entries_take
from meshconsole.healing.cases.states import CaseEvent
from meshconsole.healing.notices.channels import channel_locked
from meshconsole.healing.notices.models import Notice, NoticeChannel
from meshconsole.live.publish import publish_on_commit

APPROVAL_NEEDED = "approval_needed"
TEST = "test"
_E = CaseEvent
KIND_OF: dict[str, str] = {
    _E.APPROVAL_NEEDED: APPROVAL_NEEDED,
    _E.APPROVED: "approval_given",
    _E.REJECTED: "approval_refused",
    _E.APPROVAL_EXPIRED: "case_escalated",
    _E.GATED_TOO_LONG: "case_escalated",
    _E.LADDER_ENDED: "case_escalated",
    _E.SERVICE_WIDE: "service_incident",
    _E.RESOLVED: "case_resolved",
    _E.REMOVED: "case_removed",
}
"""Lines of a timeline that people outside of the console are told of."""
WAITS_SECONDS = (10, 30, 120, 600, 1800)
"""After each failed attempt but the last."""
CLAIM_SECONDS = 60
KEPT_DAYS = 30
ERROR_LIMIT = 300


def notices_make(*, now: datetime, limit: int = 100) -> int:
    """Make notices of the lines nobody was told of yet, each line in one transaction with its mark.

    Returns how many notices were made.
    """
    if not CaseEntry.objects.filter(told_at__isnull=True).exists():
        return 0
    made = 0
    with transaction.atomic():
        entries = entries_take(now=now, limit=limit)
        told = [entry for entry in entries if entry.event in KIND_OF]
        if told:
            channels = list(NoticeChannel.objects.filter(is_enabled=True))
            for entry in told:
                made += _make(entry, channels, now)
    return made


def notice_test(*, pk: int, actor: str, now: datetime) -> Notice:
    """Send one line through a channel, whether or not it is enabled; raises NotFound."""
    with transaction.atomic():
        channel = channel_locked(pk)
        notice = Notice.objects.create(
            channel=channel,
            kind=TEST,
            subject=f"Test from the mesh's console by {actor}",
            body={"by": actor},
            key=f"test-{secrets.token_hex(8)}",
            next_at=now,
            created_at=now,
        )
        audit_record(actor=actor, verb="notice_test", object=f"notice-channel:{channel.name}")
        _tell(notice)
    return notice


def notices_claim(*, now: datetime, limit: int) -> list[Notice]:
    """Take what is due, for CLAIM_SECONDS; of two who claim at once one gets each."""
    due = Notice.objects.filter(next_at__lte=now, state__in=["pending", "sending"])
    claimed = []
    for notice in due.order_by("next_at", "pk")[:limit]:
        mine = Notice.objects.filter(pk=notice.pk, attempts=notice.attempts, next_at=notice.next_at)
        until = now + timedelta(seconds=CLAIM_SECONDS)
        if mine.update(state="sending", attempts=F("attempts") + 1, next_at=until):
            claimed.append(Notice.objects.select_related("channel", "approval").get(pk=notice.pk))
    return claimed


def notice_sent(notice: Notice, *, now: datetime) -> bool:
    """It arrived; False when somebody else has taken it up since."""
    return _record(notice, state="sent", sent_at=now, next_at=None, last_error="")


def notice_failed(notice: Notice, error: str, *, now: datetime, is_final: bool) -> bool:
    """It did not: try again later, or give it up. False as for `notice_sent`."""
    is_over = is_final or notice.attempts > len(WAITS_SECONDS)
    wait = None if is_over else timedelta(seconds=WAITS_SECONDS[notice.attempts - 1])
    return _record(
        notice,
        state="failed" if wait is None else "pending",
        next_at=None if wait is None else now + wait,
        last_error=error[:ERROR_LIMIT],
    )


def is_moot(notice: Notice, *, now: datetime) -> bool:
    """Does it ask for what is decided or over by now?"""
    if notice.kind != APPROVAL_NEEDED or notice.approval is None:
        return False
    is_asked = notice.approval.state == ApprovalState.PENDING
    return not is_asked or now >= notice.approval.expires_at


def notice_list(*, state: str = "", channel: str = "") -> QuerySet[Notice]:
    """The delivery log, newest first."""
    rows = Notice.objects.select_related("channel").order_by("-id")
    if state:
        rows = rows.filter(state=state)
    return rows.filter(channel__name=channel) if channel else rows


def notices_prune(*, now: datetime) -> int:
    """Forget what was sent or given up a month ago."""
    old = Notice.objects.filter(
        created_at__lt=now - timedelta(days=KEPT_DAYS), next_at__isnull=True
    )
    count, _ = old.delete()
    return count


def _make(entry: CaseEntry, channels: list[NoticeChannel], now: datetime) -> int:
    case = entry.case
    kind = KIND_OF[entry.event]
    approval = None
    if kind == APPROVAL_NEEDED:
        approval = Approval.objects.filter(case=case).order_by("-pk").first()
    rows = [
        Notice(
            channel=channel,
            kind=kind,
            subject=_subject(kind, entry)[:200],
            body=_body(kind, entry, approval),
            approval=approval,
            key=f"entry-{entry.pk}",
            next_at=now,
            created_at=now,
        )
        for channel in channels
        if channel.application in ("", case.app)
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


_SUBJECTS = {
    APPROVAL_NEEDED: "{instance} waits for your approval",
    "approval_given": "{instance}: the plan is approved",
    "approval_refused": "{instance}: the plan is rejected",
    "case_escalated": "{instance} needs a person",
    "service_incident": "{app}: the whole service fails",
    "case_resolved": "{instance} is well again",
    "case_removed": "{instance} is removed",
}


def _subject(kind: str, entry: CaseEntry) -> str:
    return _SUBJECTS[kind].format(instance=entry.case.instance, app=entry.case.app)


def _body(kind: str, entry: CaseEntry, approval: Approval | None) -> dict[str, Any]:
    case = entry.case
    body: dict[str, Any] = {
        "case": case.pk,
        "instance": case.instance,
        "application": case.app,
        "unit": case.unit,
        "state": entry.after,
        "reason": entry.reason,
        "actor": entry.actor,
        "at": entry.at.isoformat(),
    }
    if approval is not None:
        body |= {
            "approval": approval.pk,
            "action": approval.action,
            "needed": approval.needed,
            "expires_at": approval.expires_at.isoformat(),
            "plan_hash": approval.plan_hash,
        }
    return body


def _record(notice: Notice, **changes: Any) -> bool:
    """Only the attempt that was claimed may say how it went."""
    mine = Notice.objects.filter(Q(pk=notice.pk, attempts=notice.attempts, state="sending"))
    with transaction.atomic():
        if not mine.update(**changes):
            return False
        notice.refresh_from_db()
        _tell(notice)
    return True


def _tell(notice: Notice) -> None:
    publish_on_commit(
        topic="notices",
        kind="notice_" + notice.state,
        ref=str(notice.pk),
        data={"state": notice.state, "channel": notice.channel.name},
    )
