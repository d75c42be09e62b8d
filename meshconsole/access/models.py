"""Sign-in attempts, for the throttle, and tokens for scripts."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from meshconsole.access.roles import Role


class SignInFailure(models.Model):
    """One failed sign-in; rows older than the throttle's window are removed."""

    account = models.CharField(max_length=200, db_index=True)
    address = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.account} from {self.address}"


class ApiToken(models.Model):
    """A script's key: shown once, kept as a hash, ends by itself."""

    name = models.CharField(max_length=100)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    role = models.PositiveSmallIntegerField(choices=[(role.value, role.name) for role in Role])
    """At most this role, and never more than its owner's."""
    prefix = models.CharField(max_length=12)
    hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.prefix} ({self.name})"
