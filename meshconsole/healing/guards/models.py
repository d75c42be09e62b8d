"""What people have said healing may do: policy per application, brakes, and times of caution."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from meshconsole.healing.guards.parameters import ACTUATORS, EJECTION_MODES, MODES, SCOPES, SWITCHES

MESH = ""
"""The application of a row that concerns the whole mesh."""


class HealingPolicy(models.Model):
    """What an application says of its own healing, or the mesh of everyone's.

    What a row leaves empty is inherited: the application from the mesh, the mesh from the install
    defaults. The effective policy is `guards.policy_of`.
    """

    application = models.CharField(max_length=63, blank=True, unique=True)
    """Empty is the mesh."""
    version = models.PositiveIntegerField(default=1)
    mode = models.CharField(max_length=16, blank=True, choices=[(one, one) for one in MODES])
    ejection_mode = models.CharField(
        max_length=16, blank=True, choices=[(one, one) for one in EJECTION_MODES]
    )
    numbers = models.JSONField(default=dict)
    """By the names of `parameters.PARAMETERS`; what is not here is inherited."""
    ejection = models.JSONField(default=dict)
    """By the names of `parameters.EJECTION`, likewise."""
    actuator = models.CharField(
        max_length=16, blank=True, choices=[(one, one) for one in ACTUATORS]
    )
    actuator_settings = models.JSONField(default=dict)
    """How the actuator finds what it acts on; never a secret, only names of files."""
    is_critical = models.BooleanField(null=True)
    """A critical tier: two persons approve every action. None inherits."""
    updated_by = models.CharField(max_length=150)
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["application"]
        verbose_name_plural = "healing policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(mode__in=["", *MODES]), name="healing_policy_mode_known"
            ),
            models.CheckConstraint(
                condition=Q(ejection_mode__in=["", *EJECTION_MODES]),
                name="healing_policy_ejection_known",
            ),
        ]

    def __str__(self) -> str:
        return self.application or "mesh"


class KillSwitch(models.Model):
    """One brake that is pulled now; the row goes when it is let go."""

    switch = models.CharField(max_length=16, choices=[(one, one) for one in SWITCHES])
    application = models.CharField(max_length=63, blank=True)
    """Empty is the whole mesh."""
    reason = models.CharField(max_length=300)
    engaged_by = models.CharField(max_length=150)
    engaged_at = models.DateTimeField()

    class Meta:
        ordering = ["application", "switch"]
        verbose_name_plural = "kill switches"
        constraints = [
            models.UniqueConstraint(
                fields=["switch", "application"], name="healing_one_switch_each"
            ),
            models.CheckConstraint(
                condition=Q(switch__in=SWITCHES), name="healing_kill_switch_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.switch}/{self.application or 'mesh'}"


class MaintenanceWindow(models.Model):
    """A time in which people work on something: its faults are expected and nobody heals them."""

    scope = models.CharField(max_length=16, choices=[(one, one) for one in SCOPES])
    name = models.CharField(max_length=63, blank=True)
    """Of the instance, application or unit; empty for the mesh."""
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["begins_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")), name="healing_window_has_a_length"
            ),
            models.CheckConstraint(
                condition=Q(scope__in=SCOPES), name="healing_window_scope_known"
            ),
        ]
        indexes = [models.Index(fields=["ends_at"], name="healing_window_ends")]

    def __str__(self) -> str:
        return str(self.pk)


class ProtectedHours(models.Model):
    """Hours of the week in which an action asks for a person, whatever the mode."""

    application = models.CharField(max_length=63, blank=True)
    """Empty is every application."""
    weekdays = models.JSONField(default=list)
    """ISO numbers, 1 is Monday; of the day on which the hours begin."""
    begins = models.TimeField()
    ends = models.TimeField()
    """Before `begins` it is of the next day; equal to it is a whole day."""
    time_zone = models.CharField(max_length=64, default="UTC")
    reason = models.CharField(max_length=300)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["application", "pk"]
        verbose_name_plural = "protected hours"

    def __str__(self) -> str:
        return str(self.pk)
