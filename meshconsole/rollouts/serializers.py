"""Shapes of the REST of rollouts, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from meshconsole.access.permissions import AllowedAction, allowed_actions
from meshconsole.inventory.serializers import ActionOutput
from meshconsole.rollouts.actions import rollout_actions
from meshconsole.rollouts.freezes import REASON_LIMIT as FREEZE_REASON_LIMIT
from meshconsole.rollouts.guards import REASON_LIMIT
from meshconsole.rollouts.models import Decision, FreezeWindow, Rollout

_SPEC = {"split": {"Group_1": 50, "Group_2": 50}, "soak_scale": 1}


class WishInput(serializers.Serializer[Any]):
    """What to roll out."""

    kind = serializers.CharField(max_length=40, help_text="Such as route_table.")
    application = serializers.CharField(
        max_length=63, allow_blank=True, default="", help_text="Empty is the whole mesh."
    )
    spec = serializers.DictField(help_text=f"In the words of the kind, such as {_SPEC}.")


class RolloutInput(WishInput):
    """A rollout to make."""

    reason = serializers.CharField(max_length=REASON_LIMIT, allow_blank=True, default="")


class VerbInput(serializers.Serializer[Any]):
    """Why it is done."""

    reason = serializers.CharField(max_length=REASON_LIMIT, allow_blank=True, default="")


class BypassInput(VerbInput):
    """Why it is done, and whether approval and freeze windows are passed by (for admins)."""

    bypass = serializers.BooleanField(default=False)


class StartInput(BypassInput):
    """The same, with the word that `allowed_actions` asks for where the whole mesh feels it."""

    confirm = serializers.CharField(max_length=300, allow_blank=True, default="")


class RolloutRowOutput(serializers.ModelSerializer[Rollout]):
    """One line of the list."""

    wave_count = serializers.IntegerField(read_only=True)
    passed_count = serializers.IntegerField(read_only=True)
    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = Rollout
        fields = [
            "id", "kind", "application", "state", "note", "reason", "spec", "approval",
            "created_by", "created_at", "started_at", "ended_at", "wave_count", "passed_count",
            "allowed_actions",
        ]  # fmt: skip

    @extend_schema_field(ActionOutput(many=True))
    def get_allowed_actions(self, row: Rollout) -> list[AllowedAction]:
        """For the caller, now."""
        user = self.context["request"].user
        return allowed_actions(user, rollout_actions(row, user.get_username()))


class DecisionOutput(serializers.ModelSerializer[Decision]):
    """Who decided what and why."""

    class Meta:
        model = Decision
        fields = ["id", "at", "wave", "actor", "verb", "why", "state"]


class FreezeInput(serializers.Serializer[Any]):
    """A time in which nothing new is put in force."""

    application = serializers.CharField(max_length=63, allow_blank=True, default="")
    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=FREEZE_REASON_LIMIT)


class FreezeOutput(serializers.ModelSerializer[FreezeWindow]):
    """A freeze."""

    class Meta:
        model = FreezeWindow
        fields = [
            "id", "application", "begins_at", "ends_at", "reason", "created_by", "created_at",
        ]  # fmt: skip
