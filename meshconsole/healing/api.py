"""REST of anomalies and their evidence: read only; sidecars report over their channel."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import allowed_actions
from meshconsole.core.answers import answer, schema_of
from meshconsole.core.errors import Invalid
from meshconsole.core.paging import CursorPaging
from meshconsole.healing.evidence import selectors
from meshconsole.healing.evidence.models import Anomaly, AnomalyReport, Quarantine, Testimony

_TEXT = OpenApiParameter("q", str, description="Part of the instance's id or address.")
_PICKED = [OpenApiParameter(name, str) for name in (*selectors.FACETS, "instance")]
_SUBJECT = ["subject_instance", "subject_app", "subject_unit", "subject_group", "subject_address"]


class TestimonyOutput(serializers.ModelSerializer[Testimony]):
    """What one reporter said in all, and last."""

    class Meta:
        model = Testimony
        fields = [
            "reporter_instance", "reporter_app", "reporter_unit", "origin", "rule", "is_failing",
            "said_at", "report_count", "attempts", "errors", "rate", "lcb",
        ]  # fmt: skip


class AnomalyRowOutput(serializers.ModelSerializer[Anomaly]):
    """One fault of one instance, of a service, or of a reporter."""

    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = Anomaly
        fields = [
            "id", "scope", *_SUBJECT, "family", "rule", "state", "first_at", "last_at",
            "due_at", "closed_at", "reporter_count", "report_count", "errors_total", "updated_at",
            "allowed_actions",
        ]  # fmt: skip

    def get_allowed_actions(self, row: Anomaly) -> list[dict[str, Any]]:
        """Nothing is done about an anomaly by hand: it ends by word or by silence."""
        return [dict(action) for action in allowed_actions(self.context["request"].user, [])]


class AnomalyOutput(AnomalyRowOutput):
    """One fault with what each reporter said of it."""

    testimonies = TestimonyOutput(many=True)

    class Meta(AnomalyRowOutput.Meta):
        fields = [*AnomalyRowOutput.Meta.fields, "testimonies"]


class ReportOutput(serializers.ModelSerializer[AnomalyReport]):
    """One report as it came."""

    class Meta:
        model = AnomalyReport
        fields = [
            "id", "event_id", "anomaly", "reporter_instance", "reporter_app", "reporter_unit",
            "origin", "scope", *_SUBJECT, "phase", "rule", "n", "errors", "rate", "lcb", "peers",
            "ejection", "interfaces", "samples", "digest",
            "window_start", "window_end", "boot_id", "seq", "ordinal", "received_at",
        ]  # fmt: skip


class QuarantineOutput(serializers.ModelSerializer[Quarantine]):
    """Reports of one sidecar that were not believed for one reason."""

    class Meta:
        model = Quarantine
        fields = [
            "reporter_instance", "reporter_app", "reason", "detail", "report_count", "first_at",
            "last_at",
        ]  # fmt: skip


class NewestWindow(CursorPaging):
    """By the newest window that failed."""

    ordering = "-last_at"


@extend_schema(operation_id="anomalies_list", parameters=[*_PICKED, _TEXT])
class AnomaliesView(ListAPIView[Anomaly]):
    """Anomalies, newest first, narrowed by facets."""

    serializer_class = AnomalyRowOutput
    pagination_class = NewestWindow

    def get_queryset(self) -> QuerySet[Anomaly]:
        """By the facets and the text of the query."""
        return selectors.anomaly_list(_picked(self.request), text=_text(self.request))


class FacetsView(APIView):
    """How the feed can be narrowed."""

    @extend_schema(
        operation_id="anomaly_facets",
        parameters=[*_PICKED, _TEXT],
        responses={200: schema_of(selectors.Facets)},
    )
    def get(self, request: Request) -> Response:
        """Each facet's commonest values with their counts under the other facets."""
        facets = selectors.anomaly_facets(_picked(request), text=_text(request))
        return answer(facets)


class AnomalyView(APIView):
    """One anomaly."""

    @extend_schema(operation_id="anomaly_get", responses=AnomalyOutput)
    def get(self, request: Request, pk: int) -> Response:
        """With what each reporter said; its evidence is under `anomaly-reports?anomaly=`."""
        found = selectors.anomaly_get(pk)
        return Response(AnomalyOutput(found, context={"request": request}).data)


@extend_schema(
    operation_id="anomaly_reports_list",
    parameters=[
        OpenApiParameter("anomaly", int),
        *(OpenApiParameter(name, str) for name in selectors.REPORT_FILTERS),
    ],
)
class AnomalyReportsView(ListAPIView[AnomalyReport]):
    """Evidence, newest first."""

    serializer_class = ReportOutput
    pagination_class = CursorPaging

    def get_queryset(self) -> QuerySet[AnomalyReport]:
        """By the filters of the query."""
        query = self.request.query_params
        anomaly = query.get("anomaly", "")
        if anomaly and not (anomaly.isascii() and anomaly.isdigit() and len(anomaly) < 19):
            sentence = "anomaly is the id of an anomaly."
            raise Invalid(sentence, errors=[{"pointer": "/anomaly", "detail": sentence}])
        picked = {name: _clean(query.get(name, "")) for name in selectors.REPORT_FILTERS}
        return selectors.report_list(picked, anomaly=int(anomaly) if anomaly else None)


class Latest(CursorPaging):
    """By the last report that was not believed."""

    ordering = "-last_at"


class QuarantineView(ListAPIView[Quarantine]):
    """Reports that were not believed, by reporter and reason."""

    serializer_class = QuarantineOutput
    pagination_class = Latest

    def get_queryset(self) -> QuerySet[Quarantine]:
        """All of it."""
        return selectors.quarantine_list()


def _picked(request: Request) -> dict[str, str]:
    query = request.query_params
    return {name: _clean(query.get(name, "")) for name in selectors.ANOMALY_FILTERS}


def _text(request: Request) -> str:
    return _clean(request.query_params.get("q", "")).strip()


def _clean(text: str) -> str:
    return text.replace("\x00", "")[:200]
