"""REST of the audit: read, and have the chain checked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.audit import selectors, services
from meshconsole.audit.models import AuditEntry, AuditQuerySet
from meshconsole.core.paging import CursorPaging

_FILTERS = ("object", "actor", "verb", "text")


class EntryOutput(serializers.ModelSerializer[AuditEntry]):
    """One row."""

    class Meta:
        model = AuditEntry
        fields = [
            "sequence", "at", "actor", "verb", "object", "before", "after", "reason", "address",
            "request_id", "previous_hash", "hash",
        ]  # fmt: skip


class VerdictOutput(serializers.Serializer[Any]):
    """What a check of the chain found."""

    whole = serializers.BooleanField()
    rows = serializers.IntegerField()
    broken_at = serializers.IntegerField(allow_null=True)
    detail = serializers.CharField()


class NewestFirst(CursorPaging):
    """By the place in the chain."""

    ordering = "-sequence"


@extend_schema(parameters=[OpenApiParameter(name, str) for name in _FILTERS])
class EntriesView(ListAPIView[AuditEntry]):
    """Who did what, newest first."""

    serializer_class = EntryOutput
    pagination_class = NewestFirst

    def get_queryset(self) -> AuditQuerySet:
        """By the filters of the query."""
        query = self.request.query_params
        return selectors.entries(**{name: query.get(name, "") for name in _FILTERS})


class VerifyView(APIView):
    """The chain."""

    @extend_schema(operation_id="audit_verify", responses=VerdictOutput)
    def get(self, request: Request) -> Response:
        """Walk the whole chain and say whether it holds."""
        return Response(asdict(services.audit_verify()))
