"""Claims heard in order: which anomaly each belongs to, and what it does to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from meshconsole.healing.evidence.claims import Claim, KnownInstance
from meshconsole.healing.evidence.models import Anomaly, Family, Scope, Testimony
from meshconsole.healing.evidence.states import AnomalyState
from proxy.contract.identity import InstanceIdentity

PUBLISH_EVERY = timedelta(seconds=1)
"""How often at most browsers hear of one anomaly."""
ALERT_SILENCE = timedelta(hours=6)
"""Longer than the four hours after which Alertmanager repeats what still holds by default."""
_COUNTED = (
    "rule", "last_at", "due_at", "reporter_count", "report_count", "errors_total", "updated_at",
    "published_at",
)  # fmt: skip
_SAID = ("rule", "is_failing", "said_at", "report_count", "attempts", "errors", "rate", "lcb")
_ROWS_TOGETHER = 200
Fault = tuple[str, str, str, str]
"""Scope, application, instance (none for a service) and family of rules."""
Mark = tuple[int, str]
"""Identity of an anomaly's object, and a reporter: one that was opened has no key yet."""


class Docket:
    """Anomalies and testimonies that a batch concerns, read once and written once.

    A reporter's newest word counts, by the end of its window, so that reports may arrive in any
    order. Its older words never open an anomaly again: they are evidence of the one before.
    """

    def __init__(self, claims: Collection[Claim], *, silence: timedelta, now: datetime) -> None:
        self._silence = silence
        self._now = now
        self._reporters = {claim.reporter.instance for claim in claims}
        self._open = _open_anomalies({fault_of(claim) for claim in claims})
        self._closed: dict[Fault, Anomaly | None] = {}
        self._testimonies = self._testimonies_of(self._open.values())
        self._changed: dict[int, Anomaly] = {}
        self._said: dict[Mark, Testimony] = {}
        self.opened: list[tuple[Anomaly, InstanceIdentity]] = []
        """What is new, and who was the first to report it."""
        self.told: list[tuple[Anomaly, str]] = []
        """Of what browsers are to hear now, and which fact."""

    def hear(self, claim: Claim, subject: KnownInstance) -> Anomaly | None:
        """Count a claim; returns the anomaly that it is evidence of."""
        fault = fault_of(claim)
        anomaly = self._open.get(fault)
        if anomaly is None:
            anomaly = self._past(fault, claim)
        if anomaly is None and claim.phase == "recovered":
            return None
        if anomaly is None:
            anomaly = self._opened(claim, subject)
            self._open[fault] = anomaly
        self._count(anomaly, claim)
        return anomaly

    def recovered(self) -> Iterator[Anomaly]:
        """Open anomalies of which nobody says any more that they fail."""
        still = {mark for (mark, _), testimony in self._said.items() if testimony.is_failing}
        maybe = [
            anomaly
            for mark, anomaly in self._changed.items()
            if anomaly.state == AnomalyState.OPEN and mark not in still
        ]
        if not maybe:
            return
        failing = set(
            Testimony.objects.filter(anomaly__in=maybe, is_failing=True).values_list(
                "anomaly_id", flat=True
            )
        )
        yield from (anomaly for anomaly in maybe if anomaly.pk not in failing)

    def save(self) -> None:
        """Write what was counted, and note what is to be told."""
        for anomaly in self._changed.values():
            is_new = anomaly._state.adding
            if is_new or self._now - anomaly.published_at >= PUBLISH_EVERY:
                anomaly.published_at = self._now
                self.told.append((anomaly, "opened" if is_new else "changed"))
            anomaly.save(update_fields=None if is_new else _COUNTED)
        for (mark, _), testimony in self._said.items():
            testimony.anomaly = self._changed[mark]
        Testimony.objects.bulk_create(
            [_as_new(testimony) for testimony in self._said.values()],
            batch_size=_ROWS_TOGETHER,
            update_conflicts=True,
            unique_fields=["anomaly", "reporter_instance"],
            update_fields=_SAID,
        )

    def _testimonies_of(self, anomalies: Iterable[Anomaly]) -> dict[Mark, Testimony]:
        marks = {anomaly.pk: id(anomaly) for anomaly in anomalies}
        if not marks:
            return {}
        said = Testimony.objects.filter(
            anomaly__in=list(marks), reporter_instance__in=self._reporters
        )
        return {(marks[each.anomaly_id], each.reporter_instance): each for each in said}

    def _past(self, fault: Fault, claim: Claim) -> Anomaly | None:
        """The last closed anomaly, when the claim is older than what its reporter said of it."""
        if fault not in self._closed:
            self._closed[fault] = closed = _last_closed(fault)
            self._testimonies |= self._testimonies_of([closed] if closed else [])
        anomaly = self._closed[fault]
        if anomaly is None:
            return None
        testimony = self._testimonies.get((id(anomaly), claim.reporter.instance))
        if claim.phase == "recovered":
            return anomaly if testimony is not None else None
        if testimony is not None and claim.window_end <= testimony.said_at:
            return anomaly
        return None

    def _opened(self, claim: Claim, subject: KnownInstance) -> Anomaly:
        is_service = claim.scope == Scope.SERVICE
        anomaly = Anomaly(
            scope=claim.scope,
            family=claim.family,
            subject_instance="" if is_service else subject.instance,
            subject_app=subject.app,
            subject_unit="" if is_service else subject.unit,
            subject_group="" if is_service else subject.group,
            subject_address="" if is_service else subject.address,
            rule=claim.rule,
            first_at=claim.window_start,
            last_at=claim.window_end,
            due_at=self._due(claim),
            updated_at=self._now,
            published_at=self._now,
        )
        self.opened.append((anomaly, claim.reporter))
        return anomaly

    def _count(self, anomaly: Anomaly, claim: Claim) -> None:
        mark = (id(anomaly), claim.reporter.instance)
        testimony = self._testimonies.get(mark)
        if testimony is None:
            testimony = self._testimonies[mark] = Testimony(
                reporter_instance=claim.reporter.instance,
                reporter_app=claim.reporter.app,
                reporter_unit=claim.reporter.unit,
                origin=claim.origin,
                said_at=claim.window_end,
            )
            anomaly.reporter_count += 1
        if claim.window_end >= testimony.said_at:
            testimony.said_at = claim.window_end
            testimony.is_failing = claim.is_failing
            testimony.rule = claim.rule
            if claim.is_failing:
                testimony.rate, testimony.lcb = claim.rate, claim.lcb
        testimony.report_count += 1
        testimony.attempts += claim.n
        if claim.is_failing:
            for kind, count in claim.errors.items():
                testimony.errors[kind] = testimony.errors.get(kind, 0) + count
                anomaly.errors_total += count
            if claim.window_end >= anomaly.last_at:
                anomaly.last_at, anomaly.rule = claim.window_end, claim.rule
            if anomaly.state == AnomalyState.OPEN:
                anomaly.due_at = self._due(claim)
        anomaly.report_count += 1
        anomaly.updated_at = self._now
        self._changed[id(anomaly)] = anomaly
        self._said[mark] = testimony

    def _due(self, claim: Claim) -> datetime:
        return self._now + (ALERT_SILENCE if claim.family == Family.ALERT else self._silence)


def fault_of(claim: Claim) -> Fault:
    """Which fault a claim speaks of: many rules notice the same one."""
    if claim.scope == Scope.SERVICE:
        return (claim.scope, claim.subject_app, "", claim.family)
    if claim.scope == Scope.REPORTER:
        return (claim.scope, claim.reporter.app, claim.reporter.instance, claim.family)
    return (claim.scope, claim.subject_app, claim.subject_instance, claim.family)


def _as_new(testimony: Testimony) -> Testimony:
    """As a row to insert: the database finds the one that it is instead."""
    testimony.pk = None
    testimony._state.adding = True
    return testimony


def _open_anomalies(faults: set[Fault]) -> dict[Fault, Anomaly]:
    rows = Anomaly.objects.select_for_update().filter(
        state=AnomalyState.OPEN,
        subject_app__in={app for _, app, _, _ in faults},
        subject_instance__in={instance for _, _, instance, _ in faults},
    )
    return {_fault(row): row for row in rows.order_by("pk")}


def _last_closed(fault: Fault) -> Anomaly | None:
    scope, app, instance, family = fault
    rows = Anomaly.objects.filter(
        scope=scope, subject_app=app, subject_instance=instance, family=family
    )
    return rows.exclude(state=AnomalyState.OPEN).order_by("-id").first()


def _fault(row: Anomaly) -> Fault:
    return (row.scope, row.subject_app, row.subject_instance, row.family)
