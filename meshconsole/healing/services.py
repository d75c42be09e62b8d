"""Taking reports in as evidence, and keeping what they add up to: one anomaly per fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from meshconsole.healing.cases import cases_open, subject_of
from meshconsole.healing.docket import PUBLISH_EVERY, Docket
from meshconsole.healing.ejections import ejections_converge, words_of
from meshconsole.healing.evidence import (
    Claim,
    KnownInstance,
    Message,
    Refusal,
    claim_of,
    doubt,
)
from meshconsole.healing.filing import reports_file
from meshconsole.healing.models import Anomaly, AnomalyReport, Origin, Quarantine, Scope
from meshconsole.healing.openings import may_open_case
from meshconsole.healing.quarantine import Refused, quarantine
from meshconsole.healing.states import TRANSITIONS, AnomalyEvent, AnomalyState
from meshconsole.healing.telling import anomaly_told, anomaly_written
from meshconsole.inventory.models import Instance
from meshconsole.transitions import fire
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport as Report

SILENCE_SECONDS = 60
EVIDENCE_DAYS = 7
ANOMALY_DAYS = 30
BATCH = 500


MaySpeak = Callable[[str, str, str, datetime], bool]


def _everybody(app: str, unit: str, callee: str, now: datetime) -> bool:
    return True


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
    messages: Sequence[Message], *, now: datetime, may_speak: MaySpeak = _everybody
) -> int:
    """The same for what many sidecars sent, all of it or nothing; far cheaper than one by one.

    `may_speak(app, unit, callee, now)` says whether instances of `app` may speak of `callee`'s.
    """
    if not any(message.events or message.ejections is not None for message in messages):
        return 0
    try:
        return _ingest(messages, now, may_speak)
    except IntegrityError:
        # Another shard stored the same report, or opened the same anomaly, in the same moment.
        return _ingest(messages, now, may_speak)


@transaction.atomic
def _ingest(messages: Sequence[Message], now: datetime, may_speak: MaySpeak) -> int:
    claims, refused = _read(messages, now)
    claims = _unknown(claims)
    known = _known_instances(
        {name for claim in claims for name in (claim.reporter.instance, claim.subject_instance)}
    )
    believed = []
    for claim in claims:
        refusal = doubt(claim, known) or _upstream_doubt(claim, may_speak, now)
        if refusal is None:
            believed.append(claim)
        else:
            refused.append((claim.reporter, refusal))
    if believed:
        _record(believed, known, now)
    refused += ejections_converge(words_of(messages, believed), now=now)
    if refused:
        quarantine(refused, now)
    return len(believed)


def _upstream_doubt(claim: Claim, may_speak: MaySpeak, now: datetime) -> Refusal | None:
    """A sidecar speaks of whom it may call; what came from outside is nobody's upstream."""
    reporter = claim.reporter
    if claim.origin != Origin.SIDECAR or may_speak(
        reporter.app, reporter.unit, claim.subject_app, now
    ):
        return None
    detail = f"{reporter.app} in {reporter.unit} may not call {claim.subject_app}."
    return Refusal(reason="subject_foreign", detail=detail)


def _read(messages: Sequence[Message], now: datetime) -> tuple[list[Claim], list[Refused]]:
    claims: dict[str, Claim] = {}
    refused = []
    for message in messages:
        for ordinal in range(len(message.events)):
            read = claim_of(message, ordinal, now=now)
            if isinstance(read, Refusal):
                refused.append((message.reporter, read))
            else:
                claims.setdefault(read.event_id, read)
    return sorted(claims.values(), key=lambda claim: claim.window_end), refused


def _unknown(claims: list[Claim]) -> list[Claim]:
    ids = [claim.event_id for claim in claims]
    stored = set(AnomalyReport.objects.filter(event_id__in=ids).values_list("event_id", flat=True))
    return [claim for claim in claims if claim.event_id not in stored]


def _known_instances(ids: set[str]) -> dict[str, KnownInstance]:
    rows = Instance.objects.filter(instance_id__in=ids).values_list(
        "instance_id", "application__name", "unit__name", "group__name", "address"
    )
    return {
        instance: KnownInstance(instance=instance, app=app, unit=unit, group=group, address=address)
        for instance, app, unit, group, address in rows.order_by()
    }


def _record(claims: list[Claim], known: dict[str, KnownInstance], now: datetime) -> None:
    docket = Docket(claims, silence=timedelta(seconds=SILENCE_SECONDS), now=now)
    heard = [(claim, docket.hear(claim, _blamed(claim, known))) for claim in claims]
    docket.save()
    reports_file(((claim, known[claim.subject_instance], anomaly) for claim, anomaly in heard), now)
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
    return known[claim.subject_instance]


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
                reason=f"No sidecar has reported it for {SILENCE_SECONDS} s.",
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
