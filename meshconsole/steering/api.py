"""REST of routes: read, preview, put in force, revert; a change names the version it changes."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import Action, allowed_actions
from meshconsole.core.etags import tagged, version_expected
from meshconsole.core.paging import CursorPaging
from meshconsole.steering import selectors, services
from meshconsole.steering.models import RouteVersion

GROUPS_LIMIT = 200
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description='ETag of your last read; "0" for none yet.',
)


class SplitInput(serializers.Serializer[Any]):
    """Percent of the requests for each group; together 100."""

    split = serializers.DictField(child=serializers.FloatField(min_value=0, max_value=100))

    def validate_split(self, split: dict[str, float]) -> dict[str, float]:
        """At most GROUPS_LIMIT groups."""
        if len(split) > GROUPS_LIMIT:
            raise serializers.ValidationError(f"At most {GROUPS_LIMIT} groups.")
        return split


class SplitSetInput(SplitInput):
    """A split to put in force."""

    reason = serializers.CharField(max_length=500, allow_blank=True, default="", required=False)
    force = serializers.BooleanField(default=False, required=False)
    """Also when a group that gets requests has nobody to serve them."""


class RevertInput(serializers.Serializer[Any]):
    """The older version to put in force again."""

    to_version = serializers.IntegerField(min_value=1)
    reason = serializers.CharField(max_length=500, allow_blank=True, default="", required=False)
    force = serializers.BooleanField(default=False, required=False)


class RouteOutput(serializers.Serializer[Any]):
    """What is in force; version 0 is an application without a route."""

    application = serializers.CharField()
    version = serializers.IntegerField()
    split = serializers.DictField(child=serializers.FloatField())
    revision = serializers.IntegerField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    updated_by = serializers.CharField(allow_blank=True)
    allowed_actions = serializers.ListField(child=serializers.DictField())


class RouteRowOutput(serializers.Serializer[Any]):
    """One line of the list."""

    application = serializers.CharField(source="app")
    version = serializers.IntegerField()
    split = serializers.DictField(child=serializers.FloatField())
    groups = serializers.ListField(child=serializers.CharField())
    serving = serializers.DictField(child=serializers.IntegerField())
    updated_at = serializers.DateTimeField(allow_null=True)
    updated_by = serializers.CharField(allow_blank=True)


class RouteVersionOutput(serializers.ModelSerializer[RouteVersion]):
    """One version as it was set."""

    class Meta:
        model = RouteVersion
        fields = [
            "version", "split", "summary", "reason", "actor", "revision", "reverts_to", "at",
        ]  # fmt: skip


class NewestFirst(CursorPaging):
    """By version."""

    ordering = "-version"


class RoutesView(APIView):
    """Every application with the split in force."""

    @extend_schema(operation_id="routes_list", responses=RouteRowOutput(many=True))
    def get(self, request: Request) -> Response:
        """One row per application."""
        rows = RouteRowOutput(selectors.route_list(), many=True).data
        return Response({"results": rows})


class RouteView(APIView):
    """The route of one application."""

    verbs = {"PUT": "split_set"}

    @extend_schema(operation_id="route_get", responses=RouteOutput)
    def get(self, request: Request, app: str) -> Response:
        """What is in force; the ETag is its version."""
        return _route(request, app)

    @extend_schema(
        operation_id="route_put",
        request=SplitSetInput,
        responses=RouteOutput,
        parameters=[IF_MATCH],
    )
    def put(self, request: Request, app: str) -> Response:
        """Put a split in force as the next version."""
        expected = version_expected(request)
        given = SplitSetInput(data=request.data)
        given.is_valid(raise_exception=True)
        services.split_set(
            application=app,
            expected_version=expected,
            actor=request.user.get_username(),
            **given.validated_data,
        )
        return _route(request, app)


class RoutePreviewView(APIView):
    """What a split would do."""

    verbs = {"POST": "preview"}

    @extend_schema(operation_id="route_preview", request=SplitInput, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, app: str) -> Response:
        """Who moves, by how much, and what stands against it; changes nothing."""
        given = SplitInput(data=request.data)
        given.is_valid(raise_exception=True)
        preview = selectors.split_preview(app=app, split=given.validated_data["split"])
        return Response(msgspec.to_builtins(preview))


class RouteRevertView(APIView):
    """The way back."""

    verbs = {"POST": "route_revert"}

    @extend_schema(
        operation_id="route_revert",
        request=RevertInput,
        responses=RouteOutput,
        parameters=[IF_MATCH],
    )
    def post(self, request: Request, app: str) -> Response:
        """Put what an older version said in force again, as the next version."""
        expected = version_expected(request)
        given = RevertInput(data=request.data)
        given.is_valid(raise_exception=True)
        services.route_revert(
            application=app,
            expected_version=expected,
            actor=request.user.get_username(),
            **given.validated_data,
        )
        return _route(request, app)


class RouteVersionsView(ListAPIView[RouteVersion]):
    """Every version of one route, newest first."""

    serializer_class = RouteVersionOutput
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[RouteVersion]:
        """Of the application in the address."""
        if getattr(self, "swagger_fake_view", False):
            return RouteVersion.objects.none()
        return selectors.version_list(self.kwargs["app"])


def _route(request: Request, app: str) -> Response:
    state = selectors.route_state(app, selectors.route_for(app))
    latest = selectors.version_latest(app)
    body = {
        **state,
        "revision": latest.revision if latest else None,
        "updated_by": latest.actor if latest else "",
        "allowed_actions": allowed_actions(
            request.user,
            [
                "split_set",
                Action(
                    "route_revert",
                    blocked="" if state["version"] > 1 else "There is no older version.",
                ),
            ],
        ),
    }
    return tagged(body, state["version"])
