"""REST of routes: read them, preview and set a split, go back to a version."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import Action, AllowedAction, allowed_actions
from meshconsole.core.answers import answer, schema_of
from meshconsole.core.errors import Conflict, PreconditionFailed
from meshconsole.core.etags import tagged, version_expected
from meshconsole.core.paging import CursorPaging
from meshconsole.inventory.models import Application
from meshconsole.inventory.serializers import ActionOutput
from meshconsole.steering import selectors, services
from meshconsole.steering.models import RouteVersion
from meshconsole.steering.selectors import Preview

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description='ETag of your last read; "0" makes the first version, * overwrites any.',
)
_SPLIT_EXAMPLE = {"Group_1": 90, "Group_2": 10}
_LIST = {"type": "array", "items": {"type": "object"}}


class SplitInput(serializers.Serializer[Any]):
    """A split, from outside; what is wrong with it is found by one check for all doors."""

    split = serializers.DictField(help_text=f"Percent by group, such as {_SPLIT_EXAMPLE}.")

    def validate_split(self, value: dict[str, Any]) -> dict[str, Any]:
        """Names are texts; the numbers are left to the check."""
        if any(len(name) > 63 for name in value):
            raise serializers.ValidationError("A group's name has at most 63 characters.")
        return value


class SplitSetInput(SplitInput):
    """A split to put in force."""

    reason = serializers.CharField(
        max_length=services.REASON_LIMIT, allow_blank=True, required=False, default=""
    )
    force = serializers.BooleanField(
        required=False, default=False, help_text="Take a group that has no serving instance."
    )


class RevertInput(serializers.Serializer[Any]):
    """Which version's content to put in force again."""

    to_version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    reason = serializers.CharField(
        max_length=services.REASON_LIMIT, allow_blank=True, required=False, default=""
    )
    force = serializers.BooleanField(required=False, default=False)


class VersionOutput(serializers.ModelSerializer[RouteVersion]):
    """One version, as it was set."""

    class Meta:
        model = RouteVersion
        fields = [
            "version", "split", "summary", "reason", "actor", "revision", "reverts_to", "at",
        ]  # fmt: skip


class RouteRowOutput(serializers.Serializer[Any]):
    """Where the requests to one application go; version 0 is an application without a route."""

    application = serializers.CharField()
    version = serializers.IntegerField()
    split = serializers.DictField(child=serializers.FloatField())
    groups = serializers.ListField(child=serializers.CharField())
    serving = serializers.DictField(
        child=serializers.IntegerField(), help_text="Serving instances by group."
    )
    updated_at = serializers.DateTimeField(allow_null=True)
    updated_by = serializers.CharField(allow_blank=True)
    allowed_actions = ActionOutput(many=True)


class RouteOutput(RouteRowOutput):
    """A route with what was said when it was set."""

    revision = serializers.IntegerField(
        allow_null=True, help_text="Of the mesh; `progress?v=` says how many sidecars have it."
    )
    summary = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)


class ByName(CursorPaging):
    """In the order of the applications' names."""

    ordering = "name"


class RoutesView(ListAPIView[Application]):
    """Every application and where its requests go."""

    pagination_class = ByName
    queryset = Application.objects.all()

    @extend_schema(operation_id="routes_list", responses=RouteRowOutput(many=True))
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """By application; one without a route has version 0."""
        page = self.paginate_queryset(self.get_queryset()) or []
        rows = selectors.route_list([app.pk for app in page])
        return self.get_paginated_response([_row(request, row) for row in rows])


class RouteView(APIView):
    """Where the requests to one application go."""

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
        """Put a split in force as the next version; the same split again changes nothing."""
        expected = version_expected(request)
        given = SplitSetInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            services.split_set(
                application=app,
                split=given.validated_data["split"],
                expected_version=expected,
                actor=request.user.get_username(),
                reason=given.validated_data["reason"],
                force=given.validated_data["force"],
            )
        except Conflict as error:
            raise _stale(error) from None
        return _route(request, app)


class RoutePreviewView(APIView):
    """What a split would do."""

    verbs = {"POST": "preview"}

    @extend_schema(
        operation_id="route_preview",
        request=SplitInput,
        responses={
            200: schema_of(Preview, allowed_actions={"type": "array", "items": {"type": "object"}})
        },
    )
    def post(self, request: Request, app: str) -> Response:
        """Summary, findings, load per group and the from-to matrix; changes nothing."""
        given = SplitInput(data=request.data)
        given.is_valid(raise_exception=True)
        preview = selectors.split_preview(app=app, split=given.validated_data["split"])
        blocked = next((f.detail for f in preview.findings if f.severity == "block"), "")
        actions = allowed_actions(request.user, [Action("split_set", blocked=blocked)])
        return answer(preview, allowed_actions=actions)


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
        """Put the content of an older version in force, as a new version."""
        expected = version_expected(request)
        given = RevertInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            services.route_revert(
                application=app,
                to_version=given.validated_data["to_version"],
                expected_version=expected,
                actor=request.user.get_username(),
                reason=given.validated_data["reason"],
                force=given.validated_data["force"],
            )
        except Conflict as error:
            raise _stale(error) from None
        return _route(request, app)


class NewestFirst(CursorPaging):
    """By version."""

    ordering = "-version"


class RouteVersionsView(ListAPIView[RouteVersion]):
    """Every version of a route, newest first."""

    serializer_class = VersionOutput
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[RouteVersion]:
        """Of the application in the path."""
        if getattr(self, "swagger_fake_view", False):
            return RouteVersion.objects.none()
        return selectors.version_list(self.kwargs["app"])


def _stale(error: Conflict) -> PreconditionFailed:
    return PreconditionFailed(
        error.detail, code=error.code, errors=error.errors, current_state=error.current_state
    )


def _route(request: Request, app: str) -> Response:
    found = selectors.route_list(names=[app])
    if not found:
        raise selectors.unknown_application(app)
    latest = selectors.version_latest(app)
    body = _row(request, found[0]) | {
        "revision": latest.revision if latest else None,
        "summary": latest.summary if latest else "",
        "reason": latest.reason if latest else "",
    }
    return tagged(body, found[0].version)


def _row(request: Request, row: selectors.RouteRow) -> dict[str, Any]:
    return {
        "application": row.app,
        "version": row.version,
        "split": row.split,
        "groups": row.groups,
        "serving": row.serving,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
        "allowed_actions": _actions(request, row),
    }


def _actions(request: Request, row: selectors.RouteRow) -> list[AllowedAction]:
    blocked = ""
    if not row.groups:
        blocked = "The application has no groups yet: they appear when its sidecars register."
    return allowed_actions(
        request.user,
        [
            Action("preview", blocked=blocked),
            Action("split_set", blocked=blocked),
            Action("route_revert", blocked="" if row.version else "There is no version yet."),
        ],
    )
