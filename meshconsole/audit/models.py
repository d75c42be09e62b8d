"""Rows that are only ever added, each carrying the hash of the one before."""

from __future__ import annotations

from typing import Any, NoReturn, Self

from django.db import models


class AppendOnly(TypeError):
    """An audit row is never changed and never removed."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    """Reads only."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly("Audit rows are never changed.")

    def delete(self) -> NoReturn:
        """Refused."""
        raise AppendOnly("Audit rows are never removed.")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly("Audit rows are never changed.")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: rows are chained one by one."""
        raise AppendOnly("Audit rows are written by audit_record() alone.")

    def about(self, object: str) -> Self:
        """Rows of one object, such as `route:order`."""
        return self.filter(object=object)


class AuditEntry(models.Model):
    """Who did what to which object, how it was before and after, and why."""

    sequence = models.BigIntegerField(unique=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=200, db_index=True)
    verb = models.CharField(max_length=100)
    object = models.CharField(max_length=300, db_index=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-sequence"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.sequence} {self.actor} {self.verb} {self.object}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; a row that is there is never saved again."""
        if not self._state.adding:
            raise AppendOnly("Audit rows are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused."""
        raise AppendOnly("Audit rows are never removed.")


class AuditHead(models.Model):
    """The end of the chain: one row, locked by whoever adds to it."""

    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_audit_head")]

    def __str__(self) -> str:
        return f"audit head at {self.sequence}"
