"""What browsers are to hear: short rows whose id is the cursor."""

from __future__ import annotations

from django.db import models


class LiveEvent(models.Model):
    """Something changed: where to look, not what it looks like now."""

    topic = models.CharField(max_length=60)
    kind = models.CharField(max_length=60)
    ref = models.CharField(max_length=300, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.pk} {self.topic}/{self.kind} {self.ref}"
