"""REST of applications, units, groups, interfaces and instances."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.core.errors import Conflict
from meshconsole.core.etags import tagged, version_expected
from meshconsole.core.paging import CursorPaging
from meshconsole.inventory import selectors, services, sync
from meshconsole.inventory.models import Group, Interface, Source
from meshconsole.inventory.serializers import (
    ApplicationInput,
    ApplicationOutput,
    GroupInput,
    GroupOutput,
    InstanceOutput,
    InterfaceOutput,
    ProgressOutput,
    ReasonInput,
    UnitInput,
    UnitOutput,
)

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="ETag of your last read."
)


def _filter(name: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.QUERY)


class ByName(CursorPaging):
    """Named things in the order of their names."""

    ordering = "name"


class ById(CursorPaging):
    """Instances in the order of their ids."""

    ordering = "instance_id"


class ApplicationsView(ListAPIView[Any]):
    """All applications."""

    serializer_class = ApplicationOutput
    pagination_class = ByName
    verbs = {"POST": "application_edit"}

    def get_queryset(self) -> QuerySet[Any]:
        """With their counts."""
        return selectors.applications()

    @extend_schema(
        operation_id="applications_create",
        request=ApplicationInput,
        responses={201: ApplicationOutput},
    )
    def post(self, request: Request) -> Response:
        """Make an application."""
        given = ApplicationInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        row, _ = services.application_set(
            name=values.pop("name"),
            groups=values.pop("groups", ()),
            reason=values.pop("reason", ""),
            fields=values,
            actor=request.user.get_username(),
            must_be_new=True,
        )
        return _application(request, row.name, status=201)


class ApplicationView(APIView):
    """One application."""

    verbs = {"PUT": "application_edit", "PATCH": "application_edit"}

    @extend_schema(operation_id="application_get", responses=ApplicationOutput)
    def get(self, request: Request, name: str) -> Response:
        """How it is now; the ETag is its version."""
        return _application(request, name)

    @extend_schema(
        operation_id="application_put",
        request=ApplicationInput,
        responses=ApplicationOutput,
        parameters=[IF_MATCH],
    )
    def put(self, request: Request, name: str) -> Response:
        """Say all of it; what is left out takes its default."""
        return self._set(request, name, partial=False)

    @extend_schema(
        operation_id="application_patch",
        request=ApplicationInput(partial=True),
        responses=ApplicationOutput,
        parameters=[IF_MATCH],
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change the fields that are given."""
        return self._set(request, name, partial=True)

    def _set(self, request: Request, name: str, *, partial: bool) -> Response:
        expected = version_expected(request)
        selectors.application_get(name)
        given = ApplicationInput(data=_with_name(request, name), partial=partial)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        values.pop("name", None)
        services.application_set(
            name=name,
            groups=values.pop("groups", ()),
            reason=values.pop("reason", ""),
            fields=values,
            actor=request.user.get_username(),
            expected_version=expected,
        )
        return _application(request, name)


class UnitsView(ListAPIView[Any]):
    """All units."""

    serializer_class = UnitOutput
    pagination_class = ByName
    verbs = {"POST": "unit_edit"}

    def get_queryset(self) -> QuerySet[Any]:
        """With their counts."""
        return selectors.units()

    @extend_schema(operation_id="units_create", request=UnitInput, responses={201: UnitOutput})
    def post(self, request: Request) -> Response:
        """Make a unit."""
        given = UnitInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        row, _ = services.unit_set(
            name=values.pop("name"),
            reason=values.pop("reason", ""),
            fields=values,
            actor=request.user.get_username(),
            must_be_new=True,
        )
        return _unit(request, row.name, status=201)


class UnitView(APIView):
    """One unit."""

    verbs = {"PUT": "unit_edit", "PATCH": "unit_edit"}

    @extend_schema(operation_id="unit_get", responses=UnitOutput)
    def get(self, request: Request, name: str) -> Response:
        """How it is now; the ETag is its version."""
        return _unit(request, name)

    @extend_schema(
        operation_id="unit_put", request=UnitInput, responses=UnitOutput, parameters=[IF_MATCH]
    )
    def put(self, request: Request, name: str) -> Response:
        """Say all of it."""
        return self._set(request, name, partial=False)

    @extend_schema(
        operation_id="unit_patch",
        request=UnitInput(partial=True),
        responses=UnitOutput,
        parameters=[IF_MATCH],
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change the fields that are given."""
        return self._set(request, name, partial=True)

    def _set(self, request: Request, name: str, *, partial: bool) -> Response:
        expected = version_expected(request)
        selectors.unit_get(name)
        given = UnitInput(data=_with_name(request, name), partial=partial)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        values.pop("name", None)
        services.unit_set(
            name=name,
            reason=values.pop("reason", ""),
            fields=values,
            actor=request.user.get_username(),
            expected_version=expected,
        )
        return _unit(request, name)


@extend_schema(parameters=[_filter("application")])
class GroupsView(ListAPIView[Any]):
    """Groups, of one application or of all."""

    serializer_class = GroupOutput
    verbs = {"POST": "application_edit"}

    def get_queryset(self) -> QuerySet[Group]:
        """By `?application=`."""
        return selectors.groups(self.request.query_params.get("application", ""))

    @extend_schema(operation_id="groups_create", request=GroupInput, responses={201: GroupOutput})
    def post(self, request: Request) -> Response:
        """Add a group to an application."""
        given = GroupInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        owner = selectors.application_get(values["application"])
        group = services.group_add(
            owner,
            values["name"],
            actor=request.user.get_username(),
            reason=values.get("reason", ""),
        )
        row = selectors.groups(owner.name).get(pk=group.pk)
        return Response(GroupOutput(row).data, status=201)


@extend_schema(parameters=[_filter("application")])
class InterfacesView(ListAPIView[Any]):
    """Declared interfaces, of one application or of all."""

    serializer_class = InterfaceOutput

    def get_queryset(self) -> QuerySet[Interface]:
        """By `?application=`."""
        return selectors.interfaces(self.request.query_params.get("application", ""))


@extend_schema(
    parameters=[_filter(name) for name in ("application", "unit", "group", "state", "gone")]
)
class InstancesView(ListAPIView[Any]):
    """Instances by application, unit, group, state; those that are gone with `?gone=1`."""

    serializer_class = InstanceOutput
    pagination_class = ById

    def get_queryset(self) -> QuerySet[Any]:
        """By the filters of the query."""
        query = self.request.query_params
        names = {name: query.get(name, "") for name in ("application", "unit", "group", "state")}
        return selectors.instances(**names, gone=query.get("gone", "") in ("1", "true"))


class InstanceView(APIView):
    """One instance."""

    verbs = {"DELETE": "instance_drain"}

    @extend_schema(operation_id="instance_get", responses=InstanceOutput)
    def get(self, request: Request, instance_id: str) -> Response:
        """How it is now, also when it is gone."""
        return _instance(request, instance_id)

    @extend_schema(operation_id="instance_delete", request=None, responses={204: None})
    def delete(self, request: Request, instance_id: str) -> Response:
        """Take out an imported instance; one with a sidecar leaves by stopping its sidecar."""
        row = selectors.instance_get(instance_id)
        if row.source != Source.IMPORT:
            raise Conflict(f"{row} has a sidecar: drain it, then stop the sidecar.")
        services.instances_gone(
            [instance_id], "taken out by hand", actor=request.user.get_username()
        )
        return Response(status=204)


class InstanceDrainView(APIView):
    """Draining."""

    verbs = {"POST": "instance_drain"}

    @extend_schema(operation_id="instance_drain", request=ReasonInput, responses=InstanceOutput)
    def post(self, request: Request, instance_id: str) -> Response:
        """Send the instance nothing new."""
        row = selectors.instance_get(instance_id)
        actor = request.user.get_username()
        services.instance_drain(row, actor=actor, reason=_reason(request))
        return _instance(request, instance_id)


class InstanceRestoreView(APIView):
    """The way back from draining."""

    verbs = {"POST": "instance_restore"}

    @extend_schema(operation_id="instance_restore", request=ReasonInput, responses=InstanceOutput)
    def post(self, request: Request, instance_id: str) -> Response:
        """Send the instance requests again."""
        row = selectors.instance_get(instance_id)
        actor = request.user.get_username()
        services.instance_restore(row, actor=actor, reason=_reason(request))
        return _instance(request, instance_id)


class ProgressView(APIView):
    """How far a change has come."""

    @extend_schema(operation_id="progress_get", responses=ProgressOutput, parameters=[_filter("v")])
    def get(self, request: Request) -> Response:
        """Sidecars that hold revision `v`, or the current one."""
        given = request.query_params.get("v", "")
        if given and not (given.isascii() and given.isdigit() and len(given) < 19):
            raise serializers.ValidationError({"v": ["A revision is a number."]})
        return Response(asdict(sync.progress(int(given) if given else None)))


def _application(request: Request, name: str, *, status: int = 200) -> Response:
    row = selectors.application_get(name)
    body = ApplicationOutput(row, context={"request": request}).data
    return tagged(body, row.version, status=status)


def _unit(request: Request, name: str, *, status: int = 200) -> Response:
    row = selectors.unit_get(name)
    body = UnitOutput(row, context={"request": request}).data
    return tagged(body, row.version, status=status)


def _instance(request: Request, instance_id: str) -> Response:
    row = selectors.instance_get(instance_id)
    return tagged(InstanceOutput(row, context={"request": request}).data, row.version)


def _with_name(request: Request, name: str) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise serializers.ValidationError({"": ["Send one object."]})
    return {**request.data, "name": name}


def _reason(request: Request) -> str:
    given = ReasonInput(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data.get("reason", ""))
