"""Evidence and what it adds up to: reports as they came, anomalies, who testified, who may not."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from meshconsole.healing.evidence.states import AnomalyState


class Scope(models.TextChoices):
    """Who is to blame. Only what speaks of an instance is evidence against one."""

    INSTANCE = "instance"
    SERVICE = "service"
    REPORTER = "reporter"


class Family(models.TextChoices):
    """Rules that notice the same fault: it fails, it is slow, somebody else raised an alert."""

    ERRORS = "errors"
    LATENCY = "latency"
    ALERT = "alert"


class Origin(models.TextChoices):
    """How a report came. Only a sidecar proves who it is; the others may propose."""

    SIDECAR = "sidecar"
    API = "api"
    ALERTMANAGER = "alertmanager"


class Anomaly(models.Model):
    """One fault, however many report it; one open per scope, subject and family of rules.

    It begins with the first failing report, and ends when every reporter has said `recovered`, or
    by itself when nobody renews it until `due_at`. A fault of a service names no instance; one of
    a reporter names the reporter itself.
    """

    scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.INSTANCE)
    family = models.CharField(max_length=16, choices=Family.choices, default=Family.ERRORS)
    subject_instance = models.CharField(max_length=63, blank=True)
    subject_app = models.CharField(max_length=63)
    subject_unit = models.CharField(max_length=63, blank=True)
    subject_group = models.CharField(max_length=63, blank=True)
    subject_address = models.CharField(max_length=300, blank=True)
    rule = models.CharField(max_length=63)
    """The one that spoke last."""
    state = models.CharField(max_length=16, choices=AnomalyState.choices, default=AnomalyState.OPEN)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    """End of the newest window that failed."""
    due_at = models.DateTimeField(null=True)
    """When it lapses if no report renews it; none when it is closed."""
    closed_at = models.DateTimeField(null=True)
    reporter_count = models.PositiveIntegerField(default=0)
    report_count = models.PositiveIntegerField(default=0)
    errors_total = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField()
    """When the console last learnt something of it."""
    published_at = models.DateTimeField()
    """When browsers last heard of it; they hear of one anomaly once a second at most."""

    class Meta:
        verbose_name_plural = "anomalies"
        constraints = [
            models.UniqueConstraint(
                fields=["scope", "subject_app", "subject_instance", "family"],
                condition=Q(state=AnomalyState.OPEN),
                name="healing_one_open_anomaly",
            ),
            models.CheckConstraint(
                condition=Q(state__in=AnomalyState.values), name="healing_anomaly_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=AnomalyState.OPEN, due_at__isnull=False)
                | (~Q(state=AnomalyState.OPEN) & Q(due_at__isnull=True)),
                name="healing_open_anomaly_is_due",
            ),
        ]
        indexes = [
            models.Index(fields=["-last_at", "-id"], name="healing_anomaly_newest"),
            models.Index(fields=["subject_instance", "family", "-id"], name="healing_anomaly_of"),
            models.Index(
                fields=["due_at"], name="healing_anomaly_due", condition=Q(due_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        if self.scope == Scope.SERVICE:
            return f"service:{self.subject_app}/{self.family}"
        if self.scope == Scope.REPORTER:
            return f"reporter:{self.subject_instance}/{self.family}"
        return f"{self.subject_instance}/{self.family}"

    @property
    def subject(self) -> str:
        """Whom it is about, as pages name it."""
        return self.subject_instance or self.subject_app


class Testimony(models.Model):
    """What one reporter has said of one anomaly in all, and last."""

    anomaly = models.ForeignKey(Anomaly, on_delete=models.CASCADE, related_name="testimonies")
    reporter_instance = models.CharField(max_length=63)
    reporter_app = models.CharField(max_length=63)
    reporter_unit = models.CharField(max_length=63)
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.SIDECAR)
    rule = models.CharField(max_length=63, default="connect")
    is_failing = models.BooleanField(default=True)
    said_at = models.DateTimeField()
    """End of the window it spoke of last."""
    report_count = models.PositiveIntegerField(default=0)
    attempts = models.PositiveBigIntegerField(default=0)
    errors = models.JSONField(default=dict)
    """Failures by class, over all of its reports."""
    rate = models.FloatField(default=0.0)
    lcb = models.FloatField(default=0.0)
    """Share of errors, and what it is at least (Wilson), 0 to 1, in its last failing window."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["anomaly", "reporter_instance"], name="healing_one_testimony_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reporter_instance} of {self.anomaly_id}"


class AnomalyReport(models.Model):
    """One report as it came: evidence, never changed."""

    event_id = models.CharField(max_length=128, unique=True)
    boot_id = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    ordinal = models.PositiveIntegerField()
    """Its place in the message `seq`."""
    anomaly = models.ForeignKey(
        Anomaly, on_delete=models.CASCADE, null=True, related_name="reports"
    )
    reporter_instance = models.CharField(max_length=63)
    reporter_app = models.CharField(max_length=63)
    reporter_unit = models.CharField(max_length=63)
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.SIDECAR)
    scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.INSTANCE)
    """With another than `instance` the subject is only the one whose numbers are told."""
    subject_instance = models.CharField(max_length=63, blank=True)
    subject_app = models.CharField(max_length=63)
    subject_unit = models.CharField(max_length=63, blank=True)
    subject_group = models.CharField(max_length=63, blank=True)
    subject_address = models.CharField(max_length=300, blank=True)
    phase = models.CharField(max_length=16)
    rule = models.CharField(max_length=63)
    n = models.PositiveBigIntegerField()
    errors = models.JSONField(default=dict)
    rate = models.FloatField(default=0.0)
    lcb = models.FloatField(default=0.0)
    peers = models.JSONField(null=True)
    """How its peers did: count, median, pooled."""
    ejection = models.JSONField(null=True)
    """What the reporter decided on it: id, mode, state, times, until (epoch s)."""
    interfaces = models.JSONField(default=list)
    samples = models.JSONField(default=list)
    digest = models.CharField(max_length=64, blank=True)
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(phase__in=("failing", "recovered")), name="healing_report_phase_known"
            ),
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="healing_report_window_order"
            ),
        ]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="healing_report_newest"),
            models.Index(fields=["subject_instance", "-id"], name="healing_report_of"),
        ]

    def __str__(self) -> str:
        return f"{self.phase} {self.rule} of {self.subject_instance} by {self.reporter_instance}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A report is evidence: it is never changed.")
        super().save(*args, **kwargs)


class Quarantine(models.Model):
    """Reports that were not believed: one row per reporter and reason, with the last example."""

    reporter_instance = models.CharField(max_length=63)
    reporter_app = models.CharField(max_length=63)
    reason = models.CharField(max_length=40)
    """Stable code, such as `subject_unknown`."""
    detail = models.CharField(max_length=300)
    report_count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reporter_instance", "reason"], name="healing_one_quarantine_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reason} by {self.reporter_instance}"
