"""Who can sign, what was signed, and who may ask for a first certificate."""

from __future__ import annotations

from django.db import models


class Authority(models.Model):
    """One generation of the built-in certificate authority; the key is sealed, never in clear."""

    generation = models.PositiveIntegerField(unique=True)
    trust_domain = models.CharField(max_length=255)
    certificate = models.TextField(help_text="The root certificate in PEM.")
    key_sealed = models.BinaryField(help_text="PKCS#8 under AES-256-GCM.")
    pin = models.CharField(max_length=64, help_text="sha256 of the root's public key, in hex.")
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nobody is told to trust it."
    )

    class Meta:
        ordering = ["-generation"]
        verbose_name_plural = "authorities"

    def __str__(self) -> str:
        return f"authority {self.generation} of {self.trust_domain}"


class Certificate(models.Model):
    """The issuance log: one row for every leaf that was ever signed."""

    class Purpose(models.TextChoices):
        JOIN = "join"
        RENEWAL = "renewal"
        SERVER = "server"

    serial = models.CharField(max_length=32, unique=True)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="certificates")
    uri = models.CharField(max_length=512)
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    key_sha256 = models.CharField(max_length=64)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["uri", "-issued_at"], name="certificate_by_uri")]

    def __str__(self) -> str:
        return f"{self.uri} {self.serial}"


class JoinToken(models.Model):
    """Leave to ask once for a first certificate; only the hash of its secret is kept."""

    secret_sha256 = models.CharField(max_length=64, unique=True)
    application = models.CharField(max_length=63)
    unit = models.CharField(max_length=63)
    instance = models.CharField(max_length=63, blank=True)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_by = models.CharField(max_length=63, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["expires_at"], name="join_token_by_expiry")]

    def __str__(self) -> str:
        return f"join token {self.pk} for {self.unit}/{self.application}"
