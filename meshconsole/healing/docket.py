"""Claims heard in order: which anomaly each belongs to, and what it does to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from meshconsole.healing.evidence import Claim, KnownInstance
from meshconsole.healing.models import Anomaly, Testimony
from meshconsole.healing.states import AnomalyState
from proxy.contract.identity import InstanceIdentity

PUBLISH_EVERY = timedelta(seconds=1)
"""How often at most browsers hear of one anomaly."""
_COUNTED = (
    "last_at", "due_at", "reporter_count", "report_count", "errors_total", "updated_at",
    "published_at",
)  # fmt: skip
_SAID = ("is_failing", "said_at", "report_count", "errors")
Fault = tuple[str, str]
"""Subject instance and rule."""
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
        self._open = _open_anomalies({(claim.subject_instance, claim.rule) for claim in claims})
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
        fault = (claim.subject_instance, claim.rule)
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
        for mark, anomaly in self._changed.items():
            if (
                anomaly.state == AnomalyState.OPEN
                and mark not in still
                and not Testimony.objects.filter(anomaly=anomaly, is_failing=True).exists()
            ):
                yield anomaly

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
        new = [testimony for testimony in self._said.values() if testimony._state.adding]
        for testimony in self._said.values():
            if not testimony._state.adding:
                testimony.save(update_fields=_SAID)
        Testimony.objects.bulk_create(new)

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
        anomaly = Anomaly(
            subject_instance=subject.instance,
            subject_app=subject.app,
            subject_unit=subject.unit,
            subject_group=subject.group,
            subject_address=subject.address,
            rule=claim.rule,
            first_at=claim.window_start,
            last_at=claim.window_end,
            due_at=self._now + self._silence,
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
                said_at=claim.window_end,
            )
            anomaly.reporter_count += 1
        is_failing = claim.phase == "failing"
        if claim.window_end >= testimony.said_at:
            testimony.said_at = claim.window_end
            testimony.is_failing = is_failing
        testimony.report_count += 1
        if is_failing:
            for kind, count in claim.errors.items():
                testimony.errors[kind] = testimony.errors.get(kind, 0) + count
                anomaly.errors_total += count
            anomaly.last_at = max(anomaly.last_at, claim.window_end)
            if anomaly.state == AnomalyState.OPEN:
                anomaly.due_at = self._now + self._silence
        anomaly.report_count += 1
        anomaly.updated_at = self._now
        self._changed[id(anomaly)] = anomaly
        self._said[mark] = testimony


def _open_anomalies(faults: set[Fault]) -> dict[Fault, Anomaly]:
    rows = Anomaly.objects.select_for_update().filter(
        state=AnomalyState.OPEN,
        subject_instance__in={instance for instance, _ in faults},
        rule__in={rule for _, rule in faults},
    )
    return {(row.subject_instance, row.rule): row for row in rows}


def _last_closed(fault: Fault) -> Anomaly | None:
    instance, rule = fault
    rows = Anomaly.objects.filter(subject_instance=instance, rule=rule)
    return rows.exclude(state=AnomalyState.OPEN).order_by("-id").first()
