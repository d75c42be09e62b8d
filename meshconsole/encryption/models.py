"""Who can sign, what was signed, who may ask for a first certificate, and how links are to be."""

from __future__ import annotations

from django.db import models

from meshconsole.encryption.states import AuthorityState


class Authority(models.Model):
    """One generation of the mesh's certificate authority.

    A local one's key is here, sealed and never in clear; any other's is where `location` says.
    """

    class Signer(models.TextChoices):
        LOCAL = "local"
        FILE = "file"
        VAULT = "vault"

    generation = models.PositiveIntegerField(unique=True)
    trust_domain = models.CharField(max_length=255)
    signer = models.CharField(max_length=10, choices=Signer.choices, default=Signer.LOCAL)
    location = models.CharField(max_length=400, blank=True, help_text="Where a key outside is.")
    certificate = models.TextField(help_text="The root certificate in PEM.")
    chain = models.TextField(
        blank=True, help_text="Authorities between leaf and root in PEM, the one that signs first."
    )
    key_sealed = models.BinaryField(help_text="PKCS#8 under AES-256-GCM; empty when it is outside.")
    pin = models.CharField(max_length=64, help_text="sha256 of the root's public key, in hex.")
    created_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(
        max_length=16, choices=AuthorityState.choices, default=AuthorityState.TRUSTED
    )
    signs_from = models.DateTimeField(
        null=True, blank=True, help_text="Since when it has signed, the last time."
    )
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when nobody is told to trust it."
    )

    class Meta:
        ordering = ["-generation"]
        verbose_name_plural = "authorities"
        constraints = [
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state=AuthorityState.SIGNING),
                name="authority_one_signs",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=AuthorityState.values), name="authority_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return str(self.generation)


class Certificate(models.Model):
    """The issuance log: one row for every leaf that was ever signed."""

    class Purpose(models.TextChoices):
        JOIN = "join"
        RENEWAL = "renewal"
        SERVER = "server"

    serial = models.CharField(max_length=40, unique=True)
    authority = models.ForeignKey(Authority, on_delete=models.PROTECT, related_name="certificates")
    uri = models.CharField(max_length=512)
    purpose = models.CharField(max_length=16, choices=Purpose.choices)
    key_sha256 = models.CharField(max_length=64)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    issued_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["uri", "-issued_at"], name="certificate_by_uri"),
            models.Index(fields=["ends_at"], name="certificate_by_end"),
        ]

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


class Mode(models.TextChoices):
    """What an instance accepts, as `proxy.contract.snapshot.TlsMode`."""

    PLAINTEXT = "plaintext"
    PERMISSIVE = "permissive"
    PREFERRED = "preferred"
    STRICT = "strict"


class CallersMode(models.TextChoices):
    """What happens to a caller who is not on the list."""

    OFF = "off"
    OBSERVE = "observe"
    ENFORCE = "enforce"


class LinkPolicy(models.Model):
    """How one application's links are to be; without a row they are plaintext, open to all."""

    application = models.OneToOneField(
        "inventory.Application", on_delete=models.CASCADE, related_name="link_policy"
    )
    version = models.PositiveIntegerField(default=1)
    mode = models.CharField(max_length=20, choices=Mode.choices, default=Mode.PLAINTEXT)
    """Of instances that have none of their own, which is every new one."""
    callers_mode = models.CharField(
        max_length=20, choices=CallersMode.choices, default=CallersMode.OFF
    )
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150)

    class Meta:
        verbose_name_plural = "link policies"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(mode__in=Mode.values), name="link_policy_mode_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(callers_mode__in=CallersMode.values),
                name="link_policy_callers_mode_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"links of {self.application_id} v{self.version}"


class LinkMode(models.Model):
    """The mode of one instance that differs from its application's, or did when it was set."""

    policy = models.ForeignKey(LinkPolicy, on_delete=models.CASCADE, related_name="modes")
    instance = models.CharField(max_length=63)
    """Its id; an instance that comes back under its name finds its mode again."""
    mode = models.CharField(max_length=20, choices=Mode.choices)

    class Meta:
        ordering = ["instance"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "instance"], name="link_mode_is_one_per_instance"
            ),
            models.CheckConstraint(
                condition=models.Q(mode__in=Mode.values), name="link_mode_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance} {self.mode}"


class CallerRule(models.Model):
    """Who may call: an application, a unit, or one in the other; an empty part may be anything."""

    policy = models.ForeignKey(LinkPolicy, on_delete=models.CASCADE, related_name="callers")
    app = models.CharField(max_length=63, blank=True)
    unit = models.CharField(max_length=63, blank=True)

    class Meta:
        ordering = ["app", "unit"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "app", "unit"], name="caller_rule_is_said_once"
            )
        ]

    def __str__(self) -> str:
        return f"app={self.app or '*'} unit={self.unit or '*'}"
