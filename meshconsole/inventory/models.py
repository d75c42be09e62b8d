"""Applications, units, groups, interfaces and instances."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from meshconsole.inventory.states import OPEN, InstanceState
from proxy.contract.check import HASH_ON_PATTERN, RETRIES_LIMIT, SLOW_START_LIMIT_SECONDS
from proxy.contract.identity import NAME_PATTERN

named = RegexValidator(
    NAME_PATTERN,
    "Use 1 to 63 letters, digits, '_', '.' or '-', beginning and ending with a letter or digit.",
)

hashed_on = RegexValidator(HASH_ON_PATTERN, "Use header:NAME, cookie:NAME, path or caller.")


class Tier(models.TextChoices):
    """How much an application matters."""

    CRITICAL = "critical"
    STANDARD = "standard"


class Balancer(models.TextChoices):
    """How a caller's sidecar picks an endpoint."""

    ROUND_ROBIN = "round_robin"
    LEAST_REQUEST = "least_request"
    RING_HASH = "ring_hash"
    MAGLEV = "maglev"


class Protocol(models.TextChoices):
    """What an application's endpoints are spoken to with."""

    AUTO = "auto", "As the caller speaks"
    HTTP1 = "http1", "HTTP/1.1"
    HTTP2 = "http2", "HTTP/2"
    BOLT = "bolt", "SOFABolt"
    TCP = "tcp", "TCP"


class Locality(models.TextChoices):
    """Does the caller's unit matter?"""

    ANY = "any", "Any unit"
    PREFER = "prefer", "Own unit first"


class UnitKind(models.TextChoices):
    """What a unit stands for."""

    LOGICAL = "logical"
    REGION = "region"
    DATACENTRE = "datacentre"


class Source(models.TextChoices):
    """Who says that an instance is there."""

    SIDECAR = "sidecar"
    IMPORT = "import"


class Application(models.Model):
    """One service of the mesh, and how patient its callers are with it."""

    name = models.CharField(max_length=63, unique=True, validators=[named])
    tier = models.CharField(max_length=20, choices=Tier.choices, default=Tier.STANDARD)
    labels = models.JSONField(default=dict, blank=True)
    balancer = models.CharField(
        max_length=20, choices=Balancer.choices, default=Balancer.ROUND_ROBIN
    )
    hash_on = models.CharField(max_length=80, blank=True, validators=[hashed_on])
    """What `ring_hash` and `maglev` keep together."""
    locality = models.CharField(max_length=20, choices=Locality.choices, default=Locality.ANY)
    slow_start_seconds = models.FloatField(default=0.0)
    protocol = models.CharField(max_length=20, choices=Protocol.choices, default=Protocol.AUTO)
    retries = models.PositiveSmallIntegerField(default=2)
    retry_on = models.JSONField(default=list, blank=True)
    """Statuses, in order."""
    try_timeout_seconds = models.FloatField(default=0.0)
    """0 leaves one try the whole request timeout."""
    connect_timeout_seconds = models.FloatField(default=1.0)
    request_timeout_seconds = models.FloatField(default=15.0)
    idle_timeout_seconds = models.FloatField(default=60.0)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(tier__in=Tier.values), name="application_tier_is_known"
            ),
            models.CheckConstraint(
                condition=Q(balancer__in=Balancer.values), name="application_balancer_is_known"
            ),
            models.CheckConstraint(
                condition=Q(connect_timeout_seconds__gt=0)
                & Q(request_timeout_seconds__gt=0)
                & Q(idle_timeout_seconds__gt=0),
                name="application_timeouts_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(protocol__in=Protocol.values), name="application_protocol_is_known"
            ),
            models.CheckConstraint(
                condition=Q(locality__in=Locality.values), name="application_locality_is_known"
            ),
            models.CheckConstraint(
                condition=Q(retries__lte=RETRIES_LIMIT)
                & Q(try_timeout_seconds__gte=0)
                & Q(slow_start_seconds__gte=0)
                & Q(slow_start_seconds__lte=SLOW_START_LIMIT_SECONDS),
                name="application_tries_are_bounded",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Unit(models.Model):
    """A place or a part of the estate: a logical unit, a region, a datacentre."""

    name = models.CharField(max_length=63, unique=True, validators=[named])
    kind = models.CharField(max_length=20, choices=UnitKind.choices, default=UnitKind.LOGICAL)
    labels = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=UnitKind.values), name="unit_kind_is_known")
        ]

    def __str__(self) -> str:
        return self.name


class Group(models.Model):
    """A named subset of one application's instances, which a route may name."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="groups")
    name = models.CharField(max_length=63, validators=[named])
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["application__name", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "name"], name="group_name_is_unique_in_its_application"
            )
        ]

    def __str__(self) -> str:
        return f"{self.application.name}/{self.name}"


class Interface(models.Model):
    """One callable operation of an application, such as `GET /stock/{sku}`."""

    application = models.ForeignKey(
        Application, on_delete=models.PROTECT, related_name="interfaces"
    )
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["application__name", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "name"], name="interface_name_is_unique_in_its_application"
            )
        ]

    def __str__(self) -> str:
        return f"{self.application.name} {self.name}"


class InstanceQuerySet(models.QuerySet["Instance"]):
    """Filters that several rooms need."""

    def open(self) -> InstanceQuerySet:
        """Known and not gone."""
        return self.filter(state__in=OPEN)

    def reachable(self) -> InstanceQuerySet:
        """Those that callers may be sent to."""
        return self.filter(state=InstanceState.SERVING)

    def named_parts(self) -> InstanceQuerySet:
        """With application, unit and group at hand."""
        return self.select_related("application", "unit", "group")


class Instance(models.Model):
    """A running process with its sidecar, or an imported one without."""

    instance_id = models.CharField(max_length=63, unique=True, validators=[named])
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="instances")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="instances")
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="instances")
    address = models.CharField(max_length=260)
    state = models.CharField(
        max_length=20, choices=InstanceState.choices, default=InstanceState.JOINING
    )
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.SIDECAR)
    sidecar_version = models.CharField(max_length=60, blank=True)
    caps = models.JSONField(default=list, blank=True)
    interfaces = models.JSONField(default=list, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    boot_id = models.CharField(max_length=64, blank=True)
    version = models.PositiveIntegerField(default=1)
    registered_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    """When it last said something new of itself; heartbeats are not written here."""
    gone_at = models.DateTimeField(null=True, blank=True)

    objects = InstanceQuerySet.as_manager()

    class Meta:
        ordering = ["instance_id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=InstanceState.values), name="instance_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(source__in=Source.values), name="instance_source_is_known"
            ),
        ]
        indexes = [models.Index(fields=["application", "state"], name="instance_by_application")]

    def __str__(self) -> str:
        return self.instance_id
