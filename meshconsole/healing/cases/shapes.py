"""Shapes of the REST of cases, in and out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from meshconsole.access.permissions import AllowedAction, allowed_actions
from meshconsole.healing.cases.actions import case_actions
from meshconsole.healing.cases.models import CaseEntry, HealingCase, Mark, Remediation
from meshconsole.healing.cases.services import REASON_LIMIT
from meshconsole.inventory.serializers import ActionOutput


class WordInput(serializers.Serializer[Any]):
    """Why it is done."""

    reason = serializers.CharField(max_length=REASON_LIMIT)


class MarkInput(WordInput):
    """What a case was, afterwards."""

    mark = serializers.ChoiceField([Mark.RIGHT.value, Mark.FALSE_ALARM.value])


class RemovalInput(WordInput):
    """Whom to remove."""

    instance = serializers.CharField(max_length=63)


class CaseRowOutput(serializers.ModelSerializer[HealingCase]):
    """One line of the list."""

    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = HealingCase
        fields = [
            "id", "instance", "app", "unit", "address", "trigger", "state", "version", "since",
            "note", "rung", "rounds", "opened_at", "due_at", "until_at", "held_from", "held_by",
            "asked_by", "outcome", "closed_at", "mark", "allowed_actions",
        ]  # fmt: skip

    @extend_schema_field(ActionOutput(many=True))
    def get_allowed_actions(self, row: HealingCase) -> list[AllowedAction]:
        """For the caller, now."""
        return allowed_actions(self.context["request"].user, case_actions(row))


class RemediationOutput(serializers.ModelSerializer[Remediation]):
    """One step that was executed for a case."""

    class Meta:
        model = Remediation
        fields = [
            "step", "rung", "action", "actuator", "key", "fence", "state", "lease_owner",
            "lease_until", "attempt", "detail", "result", "created_at", "unpublished_at",
            "in_flight", "drained_at", "started_at", "ended_at", "checks", "restored_at",
        ]  # fmt: skip


class CaseOutput(CaseRowOutput):
    """One case with what was decided on last, its gates, its plan and its steps."""

    remediations = RemediationOutput(many=True)

    class Meta(CaseRowOutput.Meta):
        fields = [
            *CaseRowOutput.Meta.fields, "gates", "facts", "plan", "plan_hash", "preview",
            "evidence_version", "evidence_at", "callers", "probe", "judged_at", "marked_by",
            "marked_at", "mark_reason", "remediations",
        ]  # fmt: skip


class EntryOutput(serializers.ModelSerializer[CaseEntry]):
    """One line of a timeline."""

    class Meta:
        model = CaseEntry
        fields = ["id", "at", "actor", "event", "before", "after", "version", "reason", "data"]
