"""How well each policy did, as it is kept."""

from __future__ import annotations

from django.db import models


class PolicyScore(models.Model):
    """How well the policy of one application did of late, by what people thought of its cases."""

    application = models.CharField(max_length=63, unique=True)
    score = models.JSONField()
    """A `scores.Score`."""
    scored_at = models.DateTimeField()

    class Meta:
        ordering = ["application"]

    def __str__(self) -> str:
        return self.application
