"""One reporter's claims heard in order: which anomaly each belongs to, and what it does to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from meshconsole.healing.evidence import Claim, KnownInstance
from meshconsole.healing.models import Anomaly, Testimony
from meshconsole.healing.states import AnomalyState
from proxy.contract.identity import InstanceIdentity

_COUNTED = (
    "last_at", "due_at", "reporter_count", "report_count", "errors_total", "updated_at",
)  # fmt: skip
_SAID = ("is_failing", "said_at", "report_count", "errors")
Fault = tuple[str, str]
"""Subject instance and rule."""


class Docket:
    """Anomalies and testimonies that a batch concerns, read once and written once.

    A reporter's newest word counts, by the end of its window, so that reports may arrive in any
    order. Its older words never open an anomaly again: they are evidence of the one before.
    """

    def __init__(
        self,
        reporter: InstanceIdentity,
        claims: Iterable[Claim],
        *,
        silence: timedelta,
        now: datetime,
    ) -> None:
        self._reporter = reporter
        self._silence = silence
        self._now = now
        faults = {(claim.subject_instance, claim.rule) for claim in claims}
        self._open = _open_anomalies(faults)
        self._closed: dict[Fault, Anomaly | None] = {}
        self._testimonies: dict[int, Testimony] = {
            testimony.anomaly_id: testimony
            for testimony in Testimony.objects.filter(
                anomaly__in=[anomaly.pk for anomaly in self._open.values()],
                reporter_instance=reporter.instance,
            )
        }
        self._changed: dict[int, Anomaly] = {}
        self.opened: list[Anomaly] = []

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

    @property
    def touched(self) -> list[Anomaly]:
        """Anomalies that were there before and have changed."""
        new = {anomaly.pk for anomaly in self.opened}
        return [anomaly for pk, anomaly in self._changed.items() if pk not in new]

    def recovered(self) -> Iterator[Anomaly]:
        """Open anomalies of which this reporter's word leaves nobody who says that they fail."""
        for pk, anomaly in self._changed.items():
            if (
                anomaly.state == AnomalyState.OPEN
                and not self._testimonies[pk].is_failing
                and not Testimony.objects.filter(anomaly=pk, is_failing=True).exists()
            ):
                yield anomaly

    def save(self) -> None:
        """Write what was counted."""
        for pk, anomaly in self._changed.items():
            anomaly.save(update_fields=_COUNTED)
            testimony = self._testimonies[pk]
            testimony.save(update_fields=None if testimony._state.adding else _SAID)

    def _past(self, fault: Fault, claim: Claim) -> Anomaly | None:
        """The last closed anomaly, when the claim is older than what its reporter said of it."""
        if fault not in self._closed:
            self._closed[fault] = _last_closed(fault)
        anomaly = self._closed[fault]
        if anomaly is None:
            return None
        testimony = self._testimonies.get(anomaly.pk)
        if testimony is None:
            testimony = Testimony.objects.filter(
                anomaly=anomaly, reporter_instance=self._reporter.instance
            ).first()
            if testimony is not None:
                self._testimonies[anomaly.pk] = testimony
        if claim.phase == "recovered":
            return anomaly if testimony is not None else None
        if testimony is not None and claim.window_end <= testimony.said_at:
            return anomaly
        return None

    def _opened(self, claim: Claim, subject: KnownInstance) -> Anomaly:
        anomaly = Anomaly.objects.create(
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
        self.opened.append(anomaly)
        return anomaly

    def _count(self, anomaly: Anomaly, claim: Claim) -> None:
        testimony = self._testimonies.get(anomaly.pk)
        if testimony is None:
            testimony = self._testimonies[anomaly.pk] = Testimony(
                anomaly=anomaly,
                reporter_instance=self._reporter.instance,
                reporter_app=self._reporter.app,
                reporter_unit=self._reporter.unit,
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
        self._changed[anomaly.pk] = anomaly


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
