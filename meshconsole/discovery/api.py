"""REST of sidecars: which snapshot each of them holds against what it shall hold."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.discovery import selectors
from meshconsole.inventory import sync


class RefusalOutput(serializers.Serializer[Any]):
    """Why a sidecar kept its old snapshot."""

    path = serializers.CharField()
    code = serializers.CharField()
    msg = serializers.CharField()
    v = serializers.IntegerField()


class SidecarOutput(serializers.Serializer[Any]):
    """One sidecar; `state` is `in step`, `pending`, `stale`, `nacked` or `offline`."""

    instance = serializers.CharField()
    application = serializers.CharField()
    unit = serializers.CharField()
    group = serializers.CharField()
    state = serializers.CharField()
    v = serializers.IntegerField()
    digest = serializers.CharField()
    desired = serializers.CharField()
    nack = RefusalOutput(allow_null=True)
    at = serializers.FloatField()
    shard = serializers.CharField()
    variant = serializers.CharField()


class SidecarsView(APIView):
    """All sidecars."""

    @extend_schema(operation_id="sidecars_list", responses=SidecarOutput(many=True))
    def get(self, request: Request) -> Response:
        """In the order of their instances; 503 while Redis is away."""
        states = sorted(sync.sync_states(), key=lambda each: each.instance)
        return Response({"results": SidecarOutput(states, many=True).data})


class FindingOutput(serializers.Serializer[Any]):
    """What looks wrong in the mesh; `block` keeps variants at their earlier content."""

    code = serializers.CharField()
    level = serializers.ChoiceField(["warn", "block"])
    path = serializers.CharField()
    msg = serializers.CharField()


class CompilationOutput(serializers.Serializer[Any]):
    """The newest compiled revision."""

    v = serializers.IntegerField()
    at = serializers.FloatField()
    variants = serializers.DictField(child=serializers.CharField())
    blocked = serializers.ListField(child=serializers.CharField())
    findings = FindingOutput(many=True)


class CompilationView(APIView):
    """What the compiler made of intent."""

    @extend_schema(operation_id="compilation_get", responses=CompilationOutput)
    def get(self, request: Request) -> Response:
        """The digest of every variant, and what was found; 503 while Redis is away."""
        return Response(CompilationOutput(selectors.compilation()).data)
