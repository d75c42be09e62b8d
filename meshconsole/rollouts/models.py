"""Rollouts, their waves and targets, what the gates found, and who decided what and why.

The rows are the truth: every wait is a `due_at`, and whoever moves a rollout on wins its `turn`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from meshconsole.rollouts.states import OWNING, RolloutState, WaveState

MESH = ""
"""The application of a rollout that concerns the whole mesh."""


class Rollout(models.Model):
    """One change, put in force in waves that gates judge."""

    kind = models.CharField(max_length=40)
    application = models.CharField(max_length=63, blank=True)
    """Empty is the whole mesh."""
    spec = models.JSONField()
    """As its kind has checked it."""
    state = models.CharField(
        max_length=20, choices=RolloutState.choices, default=RolloutState.DRAFT
    )
    turn = models.PositiveIntegerField(default=1)
    """Grows with every move and every verb; who read an older one has lost."""
    due_at = models.DateTimeField(null=True)
    """When the engine looks at it next; none while it waits for a person, or has ended."""
    note = models.CharField(max_length=500, blank=True)
    """Why it is as it is, in a sentence."""
    reason = models.CharField(max_length=500, blank=True)
    approval = models.CharField(max_length=300, blank=True)
    """Why policy asks a second person; empty when it does not."""
    bypassed_by = models.CharField(max_length=150, blank=True)
    """Who started it past approval and freeze windows."""
    request_key = models.CharField(max_length=200, null=True, unique=True)  # noqa: DJ001
    """Idempotency key of its making; empty would be a value of its own."""
    revision = models.BigIntegerField(default=0)
    """Of the mesh, that its last write made."""
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    started_by = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True)
    reverting_at = models.DateTimeField(null=True)
    """Since when it rolls back."""
    ended_at = models.DateTimeField(null=True)
    braked_by = models.CharField(max_length=60, blank=True)
    """What keeps it paused: `switch:...` or `case:...`; it goes on by itself when that is over."""
    brakes_passed_at = models.DateTimeField(null=True)
    """A person let it go on past the cases that were there then."""
    faults = models.PositiveIntegerField(default=0)
    """Steps of it in a row that broke in a way nobody thought of."""

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "kind"],
                condition=Q(state__in=sorted(OWNING)),
                name="rollouts_one_owner",
            ),
            models.CheckConstraint(
                condition=Q(state__in=RolloutState.values), name="rollout_state_is_known"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="rollout_due", condition=Q(due_at__isnull=False))
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def bypassed_at(self) -> datetime | None:
        """It goes past freezes that were declared until then; None when past none."""
        return self.started_at if self.bypassed_by else None


class Wave(models.Model):
    """A part of a rollout that is put in force and judged as one."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="waves")
    number = models.PositiveIntegerField()
    """From 1."""
    stage = models.CharField(max_length=40)
    """What is put in force, such as `preferred`; a rollout may have several, one after another."""
    share = models.CharField(max_length=40)
    """How much of the plan it reaches, such as `20%`."""
    goal = models.JSONField(default=dict)
    """What to write, in the words of the kind."""
    before = models.JSONField(default=dict)
    """What was in force when it began: the way back."""
    soak_seconds = models.FloatField()
    hold_seconds = models.FloatField(default=0.0)
    """To wait before it begins, after the wave before it has passed."""
    hold_until = models.DateTimeField(null=True)
    """While it waits to begin: until then, as far as is known now."""
    state = models.CharField(max_length=20, choices=WaveState.choices, default=WaveState.PLANNED)
    begun_at = models.DateTimeField(null=True)
    written_at = models.DateTimeField(null=True)
    """When something was written for it last."""
    soaking_at = models.DateTimeField(null=True)
    soak_until = models.DateTimeField(null=True)
    judge_at = models.DateTimeField(null=True)
    """When the gates look next."""
    extended = models.PositiveIntegerField(default=0)
    """How many times the soak was made longer for want of evidence."""
    rounds = models.PositiveIntegerField(default=0)
    passed_at = models.DateTimeField(null=True)
    promoted_by = models.CharField(max_length=150, blank=True)
    """The person who let it pass, when the gates did not."""
    baseline = models.JSONField(default=dict)
    """Traffic and ledgers before it began, as `evidence` keeps them."""
    revision = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["rollout", "number"], name="rollouts_one_of_a_number"),
            models.CheckConstraint(
                condition=Q(state__in=WaveState.values), name="wave_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"wave {self.number} of rollout {self.rollout_id}"


class Target(models.Model):
    """One instance in a wave."""

    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="targets")
    instance = models.CharField(max_length=63)
    application = models.CharField(max_length=63)
    unit = models.CharField(max_length=63)
    before = models.CharField(max_length=60, blank=True)
    """What was in force at it before the wave, when that is one word."""
    stepped_at = models.DateTimeField(null=True)
    """When something was written for it last."""
    applied_at = models.DateTimeField(null=True)
    """When the goal itself was written."""
    acked_at = models.DateTimeField(null=True)
    """When its sidecar said that the goal is in force."""
    reverted_at = models.DateTimeField(null=True)
    """When what was before was seen in force again."""
    note = models.CharField(max_length=300, blank=True)
    """What it is waited for."""

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["wave", "instance"], name="rollouts_one_target_each")
        ]

    def __str__(self) -> str:
        return f"{self.instance} in {self.wave_id}"


class Evaluation(models.Model):
    """What one gate found in one round: the value, what it was held against, and the verdict."""

    class Verdict(models.TextChoices):
        """Inconclusive is not a pass."""

        PASS = "pass"  # noqa: S105
        FAIL = "fail"
        INCONCLUSIVE = "inconclusive"

    wave = models.ForeignKey(Wave, on_delete=models.CASCADE, related_name="evaluations")
    round = models.PositiveIntegerField()
    at = models.DateTimeField()
    metric = models.CharField(max_length=40)
    value = models.FloatField(null=True)
    control = models.FloatField(null=True)
    """The same of instances that the rollout has not touched."""
    bound = models.FloatField(null=True)
    """The value fails above it."""
    measure = models.CharField(max_length=20)
    """Of the three numbers: ratio, seconds or count."""
    verdict = models.CharField(max_length=20, choices=Verdict.choices)
    is_hard = models.BooleanField()
    """One failure ends the rollout; soft ones need two in a row."""
    sentence = models.CharField(max_length=400)

    class Meta:
        ordering = ["round", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["wave", "round", "metric"], name="rollouts_one_verdict_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.verdict}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("An evaluation is evidence: it is never changed.")
        super().save(*args, **kwargs)


class Decision(models.Model):
    """Who decided what about a rollout, and why: the engine's words and those of people."""

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="decisions")
    at = models.DateTimeField()
    wave = models.PositiveIntegerField(null=True)
    """By number."""
    actor = models.CharField(max_length=150)
    verb = models.CharField(max_length=40)
    why = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=20)
    """Of the rollout, afterwards."""

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.verb} by {self.actor}"


class KeptLedger(models.Model):
    """What sidecars had counted when a rollout ended; they count on, and its page does not."""

    rollout = models.OneToOneField(Rollout, on_delete=models.CASCADE, related_name="kept_ledger")
    at = models.DateTimeField()
    is_known = models.BooleanField(default=True)
    """False when Redis did not answer then."""
    waves = models.JSONField(default=dict)
    """By number: what each wave saw, none where that is not known."""
    edges = models.JSONField(default=list)
    counters = models.BinaryField(default=bytes)
    """Every counter of every sidecar, as packed by `keeping`."""
    left_out = models.PositiveIntegerField(default=0)
    """Counters that were too many."""

    def __str__(self) -> str:
        return f"ledger of {self.rollout_id}"


class OwnerLock(models.Model):
    """One row of each kind, locked by whoever starts one: the whole mesh and a part of it are two
    rows to the database, and only one of them may own it."""

    kind = models.CharField(max_length=40, primary_key=True)

    def __str__(self) -> str:
        return self.kind


class FreezeWindow(models.Model):
    """A time in which nothing new is put in force; what is rolled back is rolled back."""

    application = models.CharField(max_length=63, blank=True)
    """Empty is every application."""
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["begins_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")), name="freeze_window_has_a_length"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)
