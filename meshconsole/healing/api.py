"""REST of anomalies and of the reports they were added up from, newest first."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from meshconsole.healing.models import Anomaly, AnomalyReport

_ANOMALY_FILTERS = {
    "state": "state",
    "application": "subject_app",
    "unit": "subject_unit",
    "instance": "subject_instance",
    "rule": "rule",
}
_REPORT_FILTERS = {
    "application": "subject_app",
    "unit": "subject_unit",
    "instance": "subject_instance",
    "reporter": "reporter_instance",
    "rule": "rule",
    "phase": "phase",
}


class AnomalyOutput(serializers.ModelSerializer[Anomaly]):
    """One fault of one instance, however many sidecars report it."""

    class Meta:
        model = Anomaly
        fields = [
            "id", "subject_instance", "subject_app", "subject_unit", "subject_group",
            "subject_address", "rule", "state", "first_at", "last_at", "closed_at",
            "reporter_count", "report_count", "errors_total",
        ]  # fmt: skip


class AnomalyReportOutput(serializers.ModelSerializer[AnomalyReport]):
    """One report as it came."""

    class Meta:
        model = AnomalyReport
        fields = [
            "id", "event_id", "anomaly", "reporter_instance", "reporter_app", "reporter_unit",
            "subject_instance", "subject_app", "subject_unit", "subject_group", "subject_address",
            "phase", "rule", "n", "errors", "interfaces", "samples", "window_start", "window_end",
            "received_at",
        ]  # fmt: skip


@extend_schema(parameters=[OpenApiParameter(name, str) for name in _ANOMALY_FILTERS])
class AnomaliesView(ListAPIView[Anomaly]):
    """What is or was wrong with an instance."""

    serializer_class = AnomalyOutput

    def get_queryset(self) -> QuerySet[Anomaly]:
        """By the filters of the query."""
        return Anomaly.objects.filter(**_picked(self.request.query_params, _ANOMALY_FILTERS))


@extend_schema(parameters=[OpenApiParameter(name, str) for name in _REPORT_FILTERS])
class AnomalyReportsView(ListAPIView[AnomalyReport]):
    """The evidence."""

    serializer_class = AnomalyReportOutput

    def get_queryset(self) -> QuerySet[AnomalyReport]:
        """By the filters of the query."""
        return AnomalyReport.objects.filter(**_picked(self.request.query_params, _REPORT_FILTERS))


def _picked(query: Any, filters: dict[str, str]) -> dict[str, str]:
    return {column: query[name] for name, column in filters.items() if query.get(name)}
