"""Replays that people asked for, with what each found."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from meshconsole.healing.guards.parameters import MODES
from meshconsole.healing.replays.states import UNFINISHED, ReplayState


class ReplayRun(models.Model):
    """A period and a candidate policy; the healer runs it and leaves what it found."""

    state = models.CharField(
        max_length=16, choices=ReplayState.choices, default=ReplayState.REQUESTED
    )
    application = models.CharField(max_length=63, blank=True)
    """Whose cases; empty is everybody's."""
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    """Cases that were opened in between."""
    mode = models.CharField(max_length=16, choices=[(one, one) for one in MODES])
    numbers = models.JSONField(default=dict)
    """Of the candidate, by the names of `parameters.PARAMETERS`; the others are as in force."""
    ejection = models.JSONField(default=dict)
    """The same of `parameters.EJECTION`."""
    requested_by = models.CharField(max_length=150)
    requested_at = models.DateTimeField()
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    """Whoever runs it has it until then."""
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)
    """Why it failed, in a sentence."""
    found = models.JSONField(null=True)
    """A `shapes.Found`, once it is done."""

    class Meta:
        verbose_name = "replay"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["requested_by"],
                condition=Q(state__in=sorted(UNFINISHED)),
                name="healing_one_replay_each",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")), name="healing_replay_has_a_period"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ReplayState.values), name="healing_replay_state_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def change_count(self) -> int:
        """Numbers in which the candidate differs from what is in force."""
        return len(self.numbers) + len(self.ejection)
