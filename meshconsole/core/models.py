"""The two rows that everybody meets at: the revision of intent, and leases."""

from __future__ import annotations

from django.db import models


class Revision(models.Model):
    """One row; `number` grows whenever intent changes."""

    number = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_revision_row")]

    def __str__(self) -> str:
        return f"revision {self.number}"


class Lease(models.Model):
    """Who leads something, until when; `fence` grows with every new holder."""

    name = models.CharField(max_length=100, primary_key=True)
    holder = models.CharField(max_length=200)
    fence = models.BigIntegerField(default=1)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} held by {self.holder} (fence {self.fence})"
