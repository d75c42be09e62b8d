"""Healing cases, the steps executed for them, and their timeline.

The rows are the truth: every wait is a `due_at`, and whoever moves a case wins its `version`.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from meshconsole.healing.cases.states import OPEN, CaseState, RemediationState


class Mark(models.TextChoices):
    """What a person thinks of a case afterwards."""

    UNMARKED = "", "unmarked"
    RIGHT = "right", "right"
    FALSE_ALARM = "false_alarm", "false alarm"


class HealingCase(models.Model):
    """One fault of one instance, from the first report to its outcome; one open per instance."""

    instance = models.CharField(max_length=63)
    app = models.CharField(max_length=63)
    unit = models.CharField(max_length=63)
    address = models.CharField(max_length=300, blank=True)
    """Where callers reach it, as inventory said when the case was opened."""
    trigger = models.CharField(max_length=20, default="reports")
    """What opened it: `reports`, `reporter` (its own word is in doubt) or `person`."""
    state = models.CharField(max_length=20, choices=CaseState.choices, default=CaseState.OBSERVED)
    version = models.PositiveIntegerField(default=1)
    """Grows with every move; who read an older one has lost."""
    since = models.DateTimeField()
    """When it came into its present state."""
    rung = models.PositiveSmallIntegerField(default=0)
    """Of the ladder, planned or under way; 0 while nothing is planned."""
    rounds = models.PositiveSmallIntegerField(default=0)
    """How often the quorum was missed."""
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    """When the healer looks at it next; none when it is closed."""
    held_from = models.CharField(max_length=20, blank=True)
    """The state that it was held in; empty when it is not held."""
    held_by = models.CharField(max_length=150, blank=True)
    """The person who holds it; the healer does not release what a person holds."""
    asked_by = models.CharField(max_length=150, blank=True)
    """The person who asked for what is planned; empty when policy did."""
    note = models.CharField(max_length=500, blank=True)
    """Why it is as it is, in a sentence."""
    gates = models.JSONField(default=list)
    """Every gate as it was judged last: name, ok, value, bound, reason, hard."""
    facts = models.JSONField(default=dict)
    """What was decided on last."""
    plan = models.JSONField(null=True)
    """What is to be done, where and how; none while nothing is planned."""
    plan_hash = models.CharField(max_length=64, blank=True)
    evidence_version = models.PositiveIntegerField(default=0)
    """Grows each time the evidence is confirmed; a plan speaks of one confirmation."""
    evidence_at = models.DateTimeField(null=True)
    """The newest evidence against the instance."""
    callers = models.JSONField(null=True)
    """Who called the instance when the case was opened, and how much: later nobody who leaves it
    out sends it anything. None when it could not be read."""
    probe = models.JSONField(null=True)
    """The healer's own last look at the instance: at (epoch s), is_ok, detail."""
    preview = models.JSONField(null=True)
    """What exactly the actuator would run, and what its dry run found: actuator, summary, steps,
    finding. None while nothing is planned."""
    until_at = models.DateTimeField(null=True)
    """When the wait of the present state ends by itself, for a countdown; None when it does not."""
    judged_at = models.DateTimeField(null=True)
    """When it was decided about last, whether or not it moved."""
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    """Until then nobody else looks at it."""
    outcome = models.CharField(max_length=40, blank=True)
    """How it ended, such as `resolved`; empty while it is open."""
    closed_at = models.DateTimeField(null=True)
    mark = models.CharField(max_length=20, choices=Mark.choices, blank=True, default=Mark.UNMARKED)
    marked_by = models.CharField(max_length=150, blank=True)
    marked_at = models.DateTimeField(null=True)
    mark_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = "case"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(state__in=sorted(OPEN)),
                name="healing_one_open_case",
            ),
            models.CheckConstraint(
                condition=Q(state__in=CaseState.values), name="healing_case_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(OPEN), closed_at__isnull=True)
                | (~Q(state__in=sorted(OPEN)) & Q(closed_at__isnull=False, due_at__isnull=True)),
                name="healing_closed_case_is_not_due",
            ),
            models.CheckConstraint(
                condition=Q(mark__in=Mark.values), name="healing_case_mark_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="healing_case_due", condition=Q(due_at__isnull=False)
            ),
            models.Index(fields=["instance", "-id"], name="healing_case_of"),
            models.Index(fields=["app", "state"], name="healing_case_app"),
            models.Index(fields=["opened_at"], name="healing_case_opened"),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_open(self) -> bool:
        """Whether it still owns its instance."""
        return self.state in OPEN


class Remediation(models.Model):
    """One executed step of a case: what an actuator was asked, by whom, and what became of it.

    The key stays the same however often the step is taken up again; the fence grows each time, so
    that an actuator can refuse whoever was overtaken.
    """

    case = models.ForeignKey(HealingCase, on_delete=models.CASCADE, related_name="remediations")
    step = models.PositiveSmallIntegerField()
    """From 1, within its case."""
    rung = models.PositiveSmallIntegerField()
    instance = models.CharField(max_length=63)
    app = models.CharField(max_length=63)
    unit = models.CharField(max_length=63)
    action = models.CharField(max_length=40)
    actuator = models.CharField(max_length=40)
    key = models.CharField(max_length=64, unique=True)
    fence = models.BigIntegerField(default=0)
    state = models.CharField(
        max_length=16, choices=RemediationState.choices, default=RemediationState.PLANNED
    )
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    """How often somebody took it up."""
    request = models.JSONField(default=dict)
    """The order as the actuator gets it."""
    result = models.JSONField(default=dict)
    """The actuator's last answer."""
    detail = models.CharField(max_length=500, blank=True)
    """How far it is, in a sentence."""
    created_at = models.DateTimeField()
    was_serving = models.BooleanField(default=True)
    """Whether callers were sent to the instance before it was unpublished."""
    unpublished_at = models.DateTimeField(null=True)
    in_flight = models.PositiveIntegerField(null=True)
    """Requests seen under way at the instance when it was looked at last."""
    drained_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    """When the actuator was first asked to do it."""
    ended_at = models.DateTimeField(null=True)
    checks = models.JSONField(default=list)
    """Probes made afterwards: at, ok, what was seen."""
    restored_at = models.DateTimeField(null=True)
    """When callers were sent to the instance again."""

    class Meta:
        ordering = ["case_id", "step"]
        constraints = [
            models.UniqueConstraint(fields=["case", "step"], name="healing_one_step_of_a_number"),
            models.UniqueConstraint(
                fields=["instance"],
                condition=Q(ended_at__isnull=True),
                name="healing_one_action_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(state__in=RemediationState.values),
                name="healing_remediation_state_known",
            ),
        ]
        indexes = [
            models.Index(fields=["instance", "-started_at"], name="healing_action_of"),
            models.Index(fields=["-started_at"], name="healing_action_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}/{self.step}"

    @property
    def checks_ok(self) -> int:
        """How many of the probes afterwards were fine."""
        return sum(bool(check.get("ok")) for check in self.checks)

    @property
    def drained_seconds(self) -> float | None:
        """How long it took until nothing was in flight; None while that is not so."""
        if self.drained_at is None or self.unpublished_at is None:
            return None
        return (self.drained_at - self.unpublished_at).total_seconds()


class CaseEntry(models.Model):
    """One line of a case's timeline, never changed: who, what, from where to where, and why.

    It is the outbox too: `told_at` is empty until whoever sends notices has taken it up.
    """

    case = models.ForeignKey(HealingCase, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    event = models.CharField(max_length=40)
    before = models.CharField(max_length=20, blank=True)
    """State before; the same as `after` when the case did not move."""
    after = models.CharField(max_length=20)
    version = models.PositiveIntegerField()
    """Of the case, afterwards."""
    reason = models.CharField(max_length=500, blank=True)
    data = models.JSONField(default=dict)
    told_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "case entries"
        indexes = [
            models.Index(
                fields=["id"], name="healing_entry_untold", condition=Q(told_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} of case {self.case_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A line of a timeline is evidence: it is never changed.")
        super().save(*args, **kwargs)


class HealingFence(models.Model):
    """One row, locked by whoever spends from a budget; its number fences actuators.

    A single row is the cheapest lock that SQLite and PostgreSQL both keep: raising the number
    makes a second scheduler wait until the first has committed what it spent, so each counts what
    the other did. Decisions that spend are few, at most some a minute in the whole mesh.
    """

    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="healing_one_fence")]

    def __str__(self) -> str:
        return f"fence {self.number}"
