"""REST of replays: what another policy would have done with the cases of a period."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.core.answers import schema_of
from meshconsole.core.paging import CursorPaging
from meshconsole.healing.guards.parameters import MODES
from meshconsole.healing.replays import services as replays
from meshconsole.healing.replays.models import ReplayRun
from meshconsole.healing.replays.shapes import Found


class ReplayInput(serializers.Serializer[Any]):
    """A period and a candidate."""

    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="At most 7 days later.")
    application = serializers.CharField(
        max_length=63, allow_blank=True, default="", help_text="Empty is every application."
    )
    mode = serializers.ChoiceField(MODES, default="auto")
    numbers = serializers.DictField(child=serializers.FloatField(), required=False, default=dict)
    ejection = serializers.DictField(child=serializers.FloatField(), required=False, default=dict)


class ReplayRowOutput(serializers.ModelSerializer[ReplayRun]):
    """One replay."""

    class Meta:
        model = ReplayRun
        fields = [
            "id", "state", "application", "begins_at", "ends_at", "mode", "numbers", "ejection",
            "requested_by", "requested_at", "ended_at", "error",
        ]  # fmt: skip


class ReplayOutput(ReplayRowOutput):
    """One replay with what it found; null while it is not done."""

    found = serializers.SerializerMethodField()

    class Meta(ReplayRowOutput.Meta):
        fields = [*ReplayRowOutput.Meta.fields, "found"]

    @extend_schema_field(schema_of(Found))
    def get_found(self, row: ReplayRun) -> dict[str, Any] | None:
        """Cases and windows, as they were and as they would have been."""
        return row.found


class ReplaysView(ListAPIView[ReplayRun]):
    """Replays, newest first."""

    serializer_class = ReplayRowOutput
    pagination_class = CursorPaging
    verbs = {"POST": "replay_run"}

    def get_queryset(self) -> QuerySet[ReplayRun]:
        """All that are kept."""
        return replays.replays()

    @extend_schema(operation_id="replay_run", request=ReplayInput, responses={201: ReplayRowOutput})
    def post(self, request: Request) -> Response:
        """Ask for one; the healer runs it within seconds, and it acts on nothing."""
        given = ReplayInput(data=request.data)
        given.is_valid(raise_exception=True)
        run = replays.replay_request(
            **given.validated_data, actor=request.user.get_username(), now=timezone.now()
        )
        return Response(ReplayRowOutput(run).data, status=201)


class ReplayView(APIView):
    """One replay."""

    @extend_schema(operation_id="replay_get", responses=ReplayOutput)
    def get(self, request: Request, pk: int) -> Response:
        """What was asked, and what it found."""
        return Response(ReplayOutput(replays.replay_get(pk)).data)
