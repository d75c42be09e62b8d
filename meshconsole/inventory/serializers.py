"""The inventory's JSON, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from meshconsole.access.permissions import AllowedAction, allowed_actions
from meshconsole.inventory.actions import application_actions, instance_actions, unit_actions
from meshconsole.inventory.models import (
    Application,
    Balancer,
    Group,
    Instance,
    Locality,
    Protocol,
    Tier,
    UnitKind,
)
from proxy.contract.check import (
    HASH_ON_PATTERN,
    RETRIES_LIMIT,
    RETRY_STATUSES,
    SLOW_START_LIMIT_SECONDS,
)
from proxy.contract.identity import NAME_PATTERN

LABELS_LIMIT = 64


class Named(serializers.RegexField):
    """A name of the mesh."""

    def __init__(self, **options: Any) -> None:
        super().__init__(NAME_PATTERN, max_length=63, **options)


class Labels(serializers.DictField):
    """Short texts by name."""

    child = serializers.CharField(max_length=200, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        """At most LABELS_LIMIT of them."""
        labels = super().to_internal_value(data)
        if len(labels) > LABELS_LIMIT or any(len(name) > 63 for name in labels):
            raise serializers.ValidationError(
                f"At most {LABELS_LIMIT} labels, with names of at most 63 characters."
            )
        return labels


class RetryOn(serializers.ListField):
    """Statuses after which a request that may be repeated goes to another endpoint."""

    child = serializers.ChoiceField([(status, str(status)) for status in RETRY_STATUSES])

    def to_internal_value(self, data: Any) -> list[Any]:
        """Each once, in order."""
        return sorted(set(super().to_internal_value(data)))


class ReasonInput(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(max_length=500, allow_blank=True, default="", required=False)


class ActionOutput(serializers.Serializer[Any]):
    """One thing that the caller may or may not do now."""

    name = serializers.CharField()
    enabled = serializers.BooleanField()
    reason = serializers.CharField()
    danger = serializers.BooleanField()
    confirm = serializers.CharField()


def _seconds(default: float) -> serializers.FloatField:
    return serializers.FloatField(min_value=0.001, max_value=3600, default=default)


class ApplicationInput(ReasonInput):
    """An application, from outside."""

    name = Named()
    tier = serializers.ChoiceField(Tier.choices, default=Tier.STANDARD)
    labels = Labels(default=dict)
    balancer = serializers.ChoiceField(Balancer.choices, default=Balancer.ROUND_ROBIN)
    hash_on = serializers.RegexField(
        HASH_ON_PATTERN,
        allow_blank=True,
        default="",
        error_messages={"invalid": "Use header:NAME, cookie:NAME, path or caller."},
    )
    locality = serializers.ChoiceField(Locality.choices, default=Locality.ANY)
    slow_start_seconds = serializers.FloatField(
        min_value=0, max_value=SLOW_START_LIMIT_SECONDS, default=0.0
    )
    protocol = serializers.ChoiceField(Protocol.choices, default=Protocol.AUTO)
    retries = serializers.IntegerField(min_value=0, max_value=RETRIES_LIMIT, default=2)
    retry_on = RetryOn(default=list)
    try_timeout_seconds = serializers.FloatField(min_value=0, max_value=3600, default=0.0)
    connect_timeout_seconds = _seconds(1.0)
    request_timeout_seconds = _seconds(15.0)
    idle_timeout_seconds = _seconds(60.0)
    groups = serializers.ListField(child=Named(), default=list, max_length=200)


class ApplicationOutput(serializers.ModelSerializer[Application]):
    """An application as it is."""

    groups: Any = serializers.SlugRelatedField("name", many=True, read_only=True)
    retry_on = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    instance_count = serializers.IntegerField(read_only=True)
    serving_count = serializers.IntegerField(read_only=True)
    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = Application
        fields = [
            "name", "tier", "labels", "balancer", "hash_on", "locality", "slow_start_seconds",
            "protocol", "retries", "retry_on", "try_timeout_seconds", "connect_timeout_seconds",
            "request_timeout_seconds", "idle_timeout_seconds", "groups", "instance_count",
            "serving_count", "version", "created_at", "updated_at", "allowed_actions",
        ]  # fmt: skip

    @extend_schema_field(ActionOutput(many=True))
    def get_allowed_actions(self, row: Application) -> list[AllowedAction]:
        """For the caller, now."""
        return allowed_actions(self.context["request"].user, application_actions(row))


class UnitInput(ReasonInput):
    """A unit, from outside."""

    name = Named()
    kind = serializers.ChoiceField(UnitKind.choices, default=UnitKind.LOGICAL)
    labels = Labels(default=dict)


class UnitOutput(serializers.Serializer[Any]):
    """A unit as it is."""

    name = serializers.CharField()
    kind = serializers.CharField()
    labels = Labels()
    instance_count = serializers.IntegerField()
    serving_count = serializers.IntegerField()
    application_count = serializers.IntegerField()
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    allowed_actions = serializers.SerializerMethodField()

    @extend_schema_field(ActionOutput(many=True))
    def get_allowed_actions(self, row: Any) -> list[AllowedAction]:
        """For the caller, now."""
        return allowed_actions(self.context["request"].user, unit_actions(row))


class GroupInput(ReasonInput):
    """A group, from outside."""

    application = Named()
    name = Named()


class GroupOutput(serializers.ModelSerializer[Group]):
    """A group as it is."""

    application = serializers.CharField(source="application.name")
    serving_count = serializers.IntegerField(read_only=True)

    class Meta:
        model = Group
        fields = ["application", "name", "serving_count", "version", "created_at"]


class InterfaceOutput(serializers.Serializer[Any]):
    """An interface as its instances declare it."""

    application = serializers.CharField(source="application.name")
    name = serializers.CharField()
    created_at = serializers.DateTimeField()


class InstanceOutput(serializers.ModelSerializer[Instance]):
    """An instance as it is."""

    id = serializers.CharField(source="instance_id")
    application = serializers.CharField(source="application.name")
    unit = serializers.CharField(source="unit.name")
    group = serializers.CharField(source="group.name")
    caps = serializers.ListField(child=serializers.CharField())
    interfaces = serializers.ListField(child=serializers.CharField())
    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = Instance
        fields = [
            "id", "application", "unit", "group", "address", "state", "source",
            "sidecar_version", "caps", "interfaces", "labels", "version", "registered_at",
            "seen_at", "gone_at", "allowed_actions",
        ]  # fmt: skip

    @extend_schema_field(ActionOutput(many=True))
    def get_allowed_actions(self, row: Instance) -> list[AllowedAction]:
        """For the caller, now."""
        return allowed_actions(self.context["request"].user, instance_actions(row))


class ProgressOutput(serializers.Serializer[Any]):
    """How far a revision has come."""

    v = serializers.IntegerField()
    expected = serializers.IntegerField()
    acked = serializers.IntegerField()
    nacked = serializers.IntegerField()
    pending = serializers.IntegerField()
    percent = serializers.FloatField()
    head = serializers.IntegerField()
