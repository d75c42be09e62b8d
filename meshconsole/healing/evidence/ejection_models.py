"""Whom callers leave out just now, as each of them said last."""

from __future__ import annotations

from django.db import models


class ActiveEjection(models.Model):
    """An endpoint that one caller leaves out, or would if its mode let it: its word, renewed."""

    ejection_id = models.CharField(max_length=64)
    """Stable from the first ejection to the end of the return."""
    reporter_instance = models.CharField(max_length=63)
    reporter_app = models.CharField(max_length=63)
    reporter_unit = models.CharField(max_length=63)
    service = models.CharField(max_length=63)
    """The application that is called."""
    subject_instance = models.CharField(max_length=63)
    subject_unit = models.CharField(max_length=63)
    subject_group = models.CharField(max_length=63, blank=True)
    rule = models.CharField(max_length=63)
    mode = models.CharField(max_length=16)
    """`report` does nothing, `weight` leaves a small share, `eject` none."""
    state = models.CharField(max_length=16)
    """`ejected`, `probing` or `returning`."""
    times = models.PositiveIntegerField(default=1)
    """How often in a row."""
    since = models.DateTimeField()
    until = models.DateTimeField()
    """When it is probed."""
    said_at = models.DateTimeField()
    """Of what time the reporter's word is, by its own clock: an older one changes nothing."""
    renewed_at = models.DateTimeField()
    """When the console heard it last."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reporter_instance", "service", "subject_instance"],
                name="healing_one_ejection_each",
            )
        ]
        indexes = [
            models.Index(fields=["subject_instance", "renewed_at"], name="healing_ejection_of"),
            models.Index(fields=["service", "renewed_at"], name="healing_ejection_service"),
            models.Index(fields=["renewed_at"], name="healing_ejection_age"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_instance} by {self.reporter_instance}"
