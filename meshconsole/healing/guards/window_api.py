"""REST of times in which healing keeps still or asks: maintenance windows, protected hours."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.core.paging import CursorPaging
from meshconsole.healing.guards import selectors, windows
from meshconsole.healing.guards.api import ReasonInput, reason_of
from meshconsole.healing.guards.models import MESH, MaintenanceWindow, ProtectedHours
from meshconsole.healing.guards.parameters import SCOPES
from meshconsole.healing.guards.services import REASON_LIMIT


class WindowInput(serializers.Serializer[Any]):
    """A time in which people work on something."""

    scope = serializers.ChoiceField(SCOPES)
    name = serializers.CharField(max_length=63, allow_blank=True, default=MESH)
    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=REASON_LIMIT)


class WindowOutput(serializers.ModelSerializer[MaintenanceWindow]):
    """A maintenance window."""

    class Meta:
        model = MaintenanceWindow
        fields = [
            "id", "scope", "name", "begins_at", "ends_at", "reason", "created_by", "created_at",
        ]  # fmt: skip


class HoursInput(serializers.Serializer[Any]):
    """Hours of the week in which every action asks for a person."""

    application = serializers.CharField(max_length=63, allow_blank=True, default=MESH)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=7), min_length=1, max_length=7
    )
    begins = serializers.TimeField()
    ends = serializers.TimeField()
    time_zone = serializers.CharField(max_length=64, default="UTC")
    reason = serializers.CharField(max_length=REASON_LIMIT)


class HoursOutput(serializers.ModelSerializer[ProtectedHours]):
    """Protected hours."""

    class Meta:
        model = ProtectedHours
        fields = [
            "id", "application", "weekdays", "begins", "ends", "time_zone", "reason", "created_by",
            "created_at",
        ]  # fmt: skip


class WindowsView(ListAPIView[MaintenanceWindow]):
    """Maintenance windows that have not ended."""

    serializer_class = WindowOutput
    pagination_class = CursorPaging
    verbs = {"POST": "maintenance_create"}

    def get_queryset(self) -> QuerySet[MaintenanceWindow]:
        """The running and the coming ones."""
        return selectors.maintenance_windows(timezone.now())

    @extend_schema(
        operation_id="maintenance_create", request=WindowInput, responses={201: WindowOutput}
    )
    def post(self, request: Request) -> Response:
        """Open one; it ends by itself, after 30 days at the latest."""
        given = WindowInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = windows.window_create(
            **given.validated_data, actor=request.user.get_username(), now=timezone.now()
        )
        return Response(WindowOutput(row).data, status=201)


class WindowEndView(APIView):
    """The early end of a window."""

    verbs = {"POST": "maintenance_end"}

    @extend_schema(operation_id="maintenance_end", request=ReasonInput, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """End it now, or call it off."""
        windows.window_end(
            pk=pk,
            reason=reason_of(request),
            actor=request.user.get_username(),
            now=timezone.now(),
        )
        return Response(status=204)


class HoursView(ListAPIView[ProtectedHours]):
    """Protected hours."""

    serializer_class = HoursOutput
    pagination_class = CursorPaging
    verbs = {"POST": "protected_hours_create"}

    def get_queryset(self) -> QuerySet[ProtectedHours]:
        """All of them."""
        return selectors.protected_hours()

    @extend_schema(
        operation_id="protected_hours_create", request=HoursInput, responses={201: HoursOutput}
    )
    def post(self, request: Request) -> Response:
        """Protect hours: every action in them asks for a person, whatever the mode."""
        given = HoursInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = windows.hours_create(
            **given.validated_data, actor=request.user.get_username(), now=timezone.now()
        )
        return Response(HoursOutput(row).data, status=201)


class HoursEndView(APIView):
    """The end of protected hours."""

    verbs = {"POST": "protected_hours_end"}

    @extend_schema(operation_id="protected_hours_end", request=ReasonInput, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """Take them away."""
        windows.hours_end(pk=pk, reason=reason_of(request), actor=request.user.get_username())
        return Response(status=204)
