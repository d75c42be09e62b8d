"""REST of what guards healing: policies in their layers, and the brakes that are pulled."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import allowed_actions
from meshconsole.core.answers import answer, schema_of
from meshconsole.core.errors import Conflict, NotFound, PreconditionFailed
from meshconsole.core.etags import tagged, version_expected
from meshconsole.core.paging import CursorPaging
from meshconsole.healing.guards import selectors, services as guards
from meshconsole.healing.guards.actions import confirm_switch, powers_of
from meshconsole.healing.guards.models import MESH, KillSwitch
from meshconsole.healing.guards.parameters import (
    ACTUATORS,
    EJECTION,
    EJECTION_MODES,
    MODES,
    PARAMETERS,
    SWITCHES,
    Parameter,
)
from meshconsole.inventory.models import Application

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description='ETag of your last read; "0" makes the first version, * overwrites any.',
)
_LIST = {"type": "array", "items": {"type": "object"}}
_OBJECT = {"type": "object"}
SHOWN = {200: schema_of(selectors.Effective, own=_OBJECT, allowed_actions=_LIST)}


class PolicyInput(serializers.Serializer[Any]):
    """A policy as its row is to be; what is left out or empty is inherited."""

    mode = serializers.ChoiceField(MODES, required=False, default="", allow_blank=True)
    ejection_mode = serializers.ChoiceField(
        EJECTION_MODES, required=False, default="", allow_blank=True
    )
    numbers = serializers.DictField(child=serializers.FloatField(), required=False, default=dict)
    ejection = serializers.DictField(child=serializers.FloatField(), required=False, default=dict)
    actuator = serializers.ChoiceField(ACTUATORS, required=False, default="", allow_blank=True)
    actuator_settings = serializers.DictField(
        required=False, default=dict, help_text="How the actuator finds its targets; no secrets."
    )
    is_critical = serializers.BooleanField(required=False, default=None, allow_null=True)
    reason = serializers.CharField(max_length=guards.REASON_LIMIT)


class SwitchInput(serializers.Serializer[Any]):
    """A brake to pull."""

    switch = serializers.ChoiceField(SWITCHES)
    application = serializers.CharField(
        max_length=63, allow_blank=True, default=MESH, help_text="Empty is the whole mesh."
    )
    reason = serializers.CharField(max_length=guards.REASON_LIMIT)
    confirm = serializers.CharField(
        max_length=255, help_text="The application's name typed again, or the mesh's."
    )


class ReasonInput(serializers.Serializer[Any]):
    """Why it is done."""

    reason = serializers.CharField(max_length=guards.REASON_LIMIT)


class SwitchOutput(serializers.ModelSerializer[KillSwitch]):
    """A brake that is pulled."""

    class Meta:
        model = KillSwitch
        fields = ["id", "switch", "application", "reason", "engaged_by", "engaged_at"]


class PoliciesView(APIView):
    """Every policy in force."""

    @extend_schema(
        operation_id="healing_policies_list",
        responses={200: {"type": "array", "items": schema_of(selectors.Effective)}},
    )
    def get(self, request: Request) -> Response:
        """The mesh's first, then each application's."""
        names = Application.objects.order_by("name").values_list("name", flat=True)
        found = selectors.policies_of([MESH, *names])
        return Response(msgspec.to_builtins(list(found.values())))


class ParametersView(APIView):
    """What a policy may set."""

    @extend_schema(
        operation_id="healing_parameters_list",
        responses={200: {"type": "array", "items": schema_of(Parameter)}},
    )
    def get(self, request: Request) -> Response:
        """Every number with its unit, default, bounds, and which way healing gets more power."""
        return Response(msgspec.to_builtins([*PARAMETERS.values(), *EJECTION.values()]))


class MeshPolicyView(APIView):
    """The mesh's policy, which applications inherit."""

    verbs = {"PUT": guards.SET}

    @extend_schema(operation_id="healing_policy_get", responses=SHOWN)
    def get(self, request: Request) -> Response:
        """What is in force; the ETag is its version."""
        return _told(request, MESH)

    @extend_schema(
        operation_id="healing_policy_put",
        request=PolicyInput,
        responses=SHOWN,
        parameters=[IF_MATCH],
    )
    def put(self, request: Request) -> Response:
        """Put it in force; more power asks for an approver, acting unasked for an admin."""
        return _put(request, MESH)


class ApplicationPolicyView(APIView):
    """One application's policy."""

    verbs = {"PUT": guards.SET}

    @extend_schema(operation_id="application_healing_policy_get", responses=SHOWN)
    def get(self, request: Request, app: str) -> Response:
        """What is in force for it, and who said each part."""
        return _told(request, app)

    @extend_schema(
        operation_id="application_healing_policy_put",
        request=PolicyInput,
        responses=SHOWN,
        parameters=[IF_MATCH],
    )
    def put(self, request: Request, app: str) -> Response:
        """Put it in force; more power asks for an approver, acting unasked for an admin."""
        return _put(request, app)


class KillSwitchesView(ListAPIView[KillSwitch]):
    """Brakes that are pulled now."""

    serializer_class = SwitchOutput
    pagination_class = CursorPaging
    verbs = {"POST": "kill_switch_engage"}

    def get_queryset(self) -> QuerySet[KillSwitch]:
        """All of them."""
        return selectors.kill_switches()

    @extend_schema(
        operation_id="kill_switch_engage", request=SwitchInput, responses={201: SwitchOutput}
    )
    def post(self, request: Request) -> Response:
        """Pull one: nothing new is begun from now on; what drains ends in order."""
        given = SwitchInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        confirm_switch(values["application"], values.pop("confirm"))
        row = guards.switch_engage(**values, actor=request.user.get_username(), now=timezone.now())
        return Response(SwitchOutput(row).data, status=201)


class KillSwitchReleaseView(APIView):
    """The end of a brake."""

    verbs = {"POST": "kill_switch_release"}

    @extend_schema(operation_id="kill_switch_release", request=ReasonInput, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """Let it go; what was held is confirmed anew before anything is done."""
        guards.switch_release(pk=pk, reason=reason_of(request), actor=request.user.get_username())
        return Response(status=204)


def reason_of(request: Request) -> str:
    """Why, from the body; raises a validation error without."""
    given = ReasonInput(data=request.data or {})
    given.is_valid(raise_exception=True)
    return str(given.validated_data["reason"])


def _put(request: Request, application: str) -> Response:
    _check_known(application)
    expected = version_expected(request)
    given = PolicyInput(data=request.data)
    given.is_valid(raise_exception=True)
    values = dict(given.validated_data)
    reason = values.pop("reason")
    try:
        guards.policy_set(
            application=application,
            wish=guards.Wish(**values),
            reason=reason,
            actor=request.user.get_username(),
            now=timezone.now(),
            expected_version=expected,
            may=powers_of(request.user),
        )
    except Conflict as error:
        raise PreconditionFailed(
            error.detail, code=error.code, current_state=error.current_state
        ) from None
    return _told(request, application)


def _told(request: Request, application: str) -> Response:
    _check_known(application)
    policy = selectors.policy_of(application)
    own = guards.wish_of(guards.policy_row(application))
    told = answer(
        policy,
        own=msgspec.to_builtins(own),
        allowed_actions=allowed_actions(request.user, [guards.SET, guards.WIDEN, guards.AUTOMATE]),
    )
    return tagged(told.data, policy.version)


def _check_known(application: str) -> None:
    if application != MESH and not Application.objects.filter(name=application).exists():
        raise NotFound(f"There is no application {application!r}.")
