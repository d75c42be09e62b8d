"""Taking reports in as evidence, and keeping what they add up to: one anomaly per fault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from meshconsole.healing.cases.openings import may_open_case
from meshconsole.healing.cases.services import cases_open, subject_of
from meshconsole.healing.evidence.claims import Claim, KnownInstance, Message, subject_key
from meshconsole.healing.evidence.docket import PUBLISH_EVERY, Docket
from meshconsole.healing.evidence.ejections import ejections_converge, words_of
from meshconsole.healing.evidence.filing import reports_file
from meshconsole.healing.evidence.judging import Judgement, MaySpeak, everybody, judge
from meshconsole.healing.evidence.models import Anomaly, AnomalyReport, Quarantine, Scope
from meshconsole.healing.evidence.quarantine import quarantine
from meshconsole.healing.evidence.states import TRANSITIONS, AnomalyEvent, AnomalyState
from meshconsole.healing.evidence.telling import anomaly_told, anomaly_written
from meshconsole.transitions import fire
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport as Report

SILENCE_SECONDS = 60
EVIDENCE_DAYS = 7
ANOMALY_DAYS = 30
BATCH = 500


def reports_ingest(
    *,
    reporter: InstanceIdentity,
    boot_id: str,
    seq: int,
    events: Sequence[Report],
    now: datetime,
) -> int:
    """Keep what is new of a sidecar's reports; returns how many were stored.

    In one transaction. A report that was stored before is ignored; one that cannot be believed is
    counted in quarantine under its reason. Both are done with and need not be sent again.
    """
    message = Message(reporter=reporter, boot_id=boot_id, seq=seq, events=events)
    return messages_ingest([message], now=now)


def messages_ingest(
    messages: Sequence[Message], *, now: datetime, may_speak: MaySpeak = everybody
) -> int:
    """The same for what many sidecars sent, all of it or nothing; far cheaper than one by one."""
    return len(messages_take(messages, now=now, may_speak=may_speak).believed)


def messages_take(
    messages: Sequence[Message], *, now: datetime, may_speak: MaySpeak = everybody
) -> Judgement:
    """The same, telling what became of each report."""
    if not any(message.events or message.ejections is not None for message in messages):
        return Judgement()
    try:
        return _take(messages, now, may_speak)
    except IntegrityError:
        # Another shard stored the same report, or opened the same anomaly, in the same moment.
        return _take(messages, now, may_speak)


@transaction.atomic
def _take(messages: Sequence[Message], now: datetime, may_speak: MaySpeak) -> Judgement:
    judged = judge(messages, may_speak=may_speak, now=now)
    if judged.believed:
        _record(judged.believed, judged.known, now)
    judged.refused += ejections_converge(words_of(messages, judged.believed), now=now)
    if judged.refused:
        quarantine(judged.refused, now)
    return judged


def _record(claims: list[Claim], known: dict[str, KnownInstance], now: datetime) -> None:
    docket = Docket(claims, silence=timedelta(seconds=SILENCE_SECONDS), now=now)
    heard = [(claim, docket.hear(claim, _blamed(claim, known))) for claim in claims]
    docket.save()
    reports_file(((claim, known[subject_key(claim)], anomaly) for claim, anomaly in heard), now)
    faults = [anomaly for anomaly, _ in docket.opened if may_open_case(anomaly)]
    cases_open((subject_of(anomaly) for anomaly in faults), now=now)
    for anomaly, reporter in docket.opened:
        anomaly_written(anomaly, reporter)
    for anomaly, kind in docket.told:
        anomaly_told(anomaly, kind)
    for anomaly in docket.recovered():
        fire(
            anomaly,
            TRANSITIONS,
            AnomalyEvent.RECOVERY_REPORTED,
            actor="sidecars",
            reason="Nobody who reported it says any more that it fails.",
            due_at=None,
            closed_at=now,
            updated_at=now,
            published_at=now,
        )


def _blamed(claim: Claim, known: dict[str, KnownInstance]) -> KnownInstance:
    """Whose fault it is: a reporter that doubts itself names the endpoint it saw fail."""
    if claim.scope == Scope.REPORTER:
        return known[claim.reporter.instance]
    return known[subject_key(claim)]


def anomalies_lapse(*, now: datetime, limit: int = 100) -> int:
    """Close what nobody has renewed; two of these at once close each anomaly once."""
    due = Anomaly.objects.filter(state=AnomalyState.OPEN, due_at__lte=now).order_by("due_at")
    lapsed = 0
    for pk in list(due.values_list("pk", flat=True)[:limit]):
        with transaction.atomic():
            anomaly = due.select_for_update().filter(pk=pk).first()
            if anomaly is None:
                continue
            lapsed += fire(
                anomaly,
                TRANSITIONS,
                AnomalyEvent.FELL_SILENT,
                actor="healer",
                reason="Nobody has reported it again in time.",
                due_at=None,
                closed_at=now,
                updated_at=now,
                published_at=now,
            )
    return lapsed


def anomalies_publish(*, now: datetime, limit: int = 100) -> int:
    """Tell browsers what the once-a-second rule held back."""
    late = Anomaly.objects.filter(
        state=AnomalyState.OPEN,
        updated_at__gt=F("published_at"),
        published_at__lte=now - PUBLISH_EVERY,
    )
    told = 0
    for anomaly in list(late[:limit]):
        with transaction.atomic():
            mine = Anomaly.objects.filter(pk=anomaly.pk, published_at=anomaly.published_at)
            if mine.update(published_at=now):
                anomaly_told(anomaly, "changed")
                told += 1
    return told


def evidence_prune(*, now: datetime, limit: int = BATCH) -> int:
    """Forget evidence after a week, closed anomalies and quarantine after a month."""
    old = now - timedelta(days=EVIDENCE_DAYS)
    older = now - timedelta(days=ANOMALY_DAYS)
    pruned = 0
    for rows in (
        AnomalyReport.objects.filter(received_at__lt=old),
        Anomaly.objects.filter(due_at__isnull=True, last_at__lt=older),
        Quarantine.objects.filter(last_at__lt=older),
    ):
        ids = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
        if ids:
            pruned += rows.model._default_manager.filter(pk__in=ids).delete()[0]
    return pruned
