"""The mesh as documents: which kinds there are, and their two doors, export and apply."""

from __future__ import annotations

from typing import IO, Any, cast

from django.db import transaction
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import can
from meshconsole.access.roles import VERBS
from meshconsole.audit.services import audit_record
from meshconsole.core.documents import (
    Author,
    Kind,
    Plan,
    documents_read,
    documents_run,
    documents_write,
)
from meshconsole.core.problems import MEDIA_TYPE
from meshconsole.encryption.documents import KINDS as ENCRYPTION
from meshconsole.healing.guards.documents import KINDS as HEALING
from meshconsole.inventory.documents import KINDS as INVENTORY
from meshconsole.steering.documents import KINDS as STEERING

KINDS: tuple[Kind[Any], ...] = (*INVENTORY, *STEERING, *ENCRYPTION, *HEALING)
"""In the order in which they are applied: what is named comes before what names it."""


def documents_export() -> str:
    """The whole intent as YAML; applying it changes nothing."""
    return documents_write(KINDS)


def documents_apply(
    raw: bytes | str,
    *,
    actor: str,
    reason: str = "",
    dry_run: bool = False,
    verbs: frozenset[str] | None = None,
) -> Plan:
    """Make the mesh as the documents say, all of it or nothing; one audit row for the lot."""
    documents = documents_read(raw)
    with transaction.atomic():
        plan = documents_run(KINDS, documents, Author(actor, reason, verbs), dry_run=dry_run)
        if plan.applied and plan.changed():
            audit_record(
                actor=actor,
                verb="documents_apply",
                object=f"documents:{len(plan.changed())}",
                after={"changed": [f"{part.kind}/{part.name}" for part in plan.changed()]},
                reason=reason,
            )
    return plan


class TextParser(BaseParser):
    """Leaves the text to the reader of documents."""

    media_type = "*/*"

    def parse(self, stream: IO[Any], *args: Any, **kwargs: Any) -> Any:
        """The bytes as they came."""
        return stream.read()


class PlannedOutput(serializers.Serializer[Any]):
    """One document's part of a plan."""

    index = serializers.IntegerField()
    kind = serializers.CharField()
    name = serializers.CharField()
    outcome = serializers.CharField(source="change.outcome")
    before = serializers.DictField(source="change.before", allow_null=True)
    after = serializers.DictField(source="change.after", allow_null=True)


class FaultOutput(serializers.Serializer[Any]):
    """One thing wrong in one document."""

    index = serializers.IntegerField()
    kind = serializers.CharField()
    name = serializers.CharField()
    pointer = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class PlanOutput(serializers.Serializer[Any]):
    """What an apply did or would do."""

    applied = serializers.BooleanField()
    dry_run = serializers.BooleanField()
    plan = PlannedOutput(many=True)
    errors = FaultOutput(many=True)  # type: ignore[assignment]


class ExportView(APIView):
    """All intent."""

    @extend_schema(operation_id="export", responses={(200, "application/yaml"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Every object as YAML, in a stable order; `apply` of it changes nothing."""
        return HttpResponse(documents_export(), content_type="application/yaml; charset=utf-8")


class ApplyView(APIView):
    """The way back in."""

    verbs = {"POST": "documents_apply"}
    parser_classes = [TextParser]

    @extend_schema(
        operation_id="apply",
        request={"application/yaml": OpenApiTypes.STR},
        responses={200: PlanOutput, 422: PlanOutput},
        parameters=[OpenApiParameter("dry_run", bool), OpenApiParameter("reason", str)],
    )
    def post(self, request: Request) -> Response:
        """Apply documents, all or none; `?dry_run=1` says what would change."""
        dry_run = request.query_params.get("dry_run", "") in ("1", "true", "True")
        plan = documents_apply(
            cast("bytes", request.data or b""),
            actor=request.user.get_username(),
            reason=request.query_params.get("reason", "")[:500],
            dry_run=dry_run,
            verbs=frozenset(verb for verb in VERBS if can(request.user, verb)),
        )
        body = {
            "applied": plan.applied,
            "dry_run": dry_run,
            "plan": PlannedOutput(plan.planned, many=True).data,
            "errors": FaultOutput(plan.faults, many=True).data,
        }
        if not plan.faults:
            return Response(body)
        sentence = f"Nothing was applied: {len(plan.faults)} things are wrong in the documents."
        problem = {"title": "Unprocessable Content", "status": 422, "code": "invalid"}
        problem |= {"type": "urn:meshconsole:problem:invalid", "detail": sentence}
        return Response(body | problem, status=422, content_type=MEDIA_TYPE)
