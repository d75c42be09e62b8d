"""Routes: what is in force for each application, and every version there ever was."""

from __future__ import annotations

from typing import Any

from django.db import models


class Route(models.Model):
    """Where requests to one application go: the percent of them for each named group."""

    application = models.OneToOneField(
        "inventory.Application", on_delete=models.CASCADE, related_name="route"
    )
    version = models.PositiveIntegerField()
    split = models.JSONField()
    """Group to percent, as `split.Split`."""
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(version__gte=1), name="steering_route_version_counts"
            )
        ]

    def __str__(self) -> str:
        return f"route of {self.application_id} v{self.version}"


class RouteVersion(models.Model):
    """One version of a route as it was set: never changed, never removed by itself."""

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    split = models.JSONField()
    summary = models.CharField(max_length=1000)
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=150)
    revision = models.BigIntegerField()
    """Of the mesh, from which on sidecars were told."""
    reverts_to = models.PositiveIntegerField(null=True)
    """The older version whose content this one repeats."""
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["route", "version"], name="steering_one_of_a_version")
        ]
        ordering = ["-version"]

    def __str__(self) -> str:
        return f"v{self.version} of route {self.route_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A version of a route is history: it is never changed.")
        super().save(*args, **kwargs)
