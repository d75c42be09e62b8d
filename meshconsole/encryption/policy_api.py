"""REST of how links are encrypted: read, preview and set the policy of an application."""

from __future__ import annotations

from typing import Any

import msgspec
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import require
from meshconsole.core.answers import answer, schema_of
from meshconsole.core.errors import Conflict, Invalid, PreconditionFailed
from meshconsole.core.etags import tagged, version_expected
from meshconsole.encryption.actions import encryption_actions
from meshconsole.encryption.policy import Policy, policy_shown
from meshconsole.encryption.services import CALLERS_LIMIT, REASON_LIMIT, policy_set
from meshconsole.encryption.standing import (
    MeshEncryption,
    Standing,
    mesh_encryption,
    refused_by,
    standing_of,
)
from meshconsole.inventory.serializers import ActionOutput
from proxy.contract.snapshot import TLS_MODES, Caller

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description='ETag of your last read; "0" makes the first version, * overwrites any.',
)


class CallerInput(serializers.Serializer[Any]):
    """Who may call; an empty part may be anything."""

    app = serializers.CharField(max_length=63, allow_blank=True, required=False, default="")
    unit = serializers.CharField(max_length=63, allow_blank=True, required=False, default="")


class CallersInput(serializers.Serializer[Any]):
    """A list of callers."""

    callers = CallerInput(many=True, required=False, default=list)

    def validate_callers(self, value: list[dict[str, str]]) -> list[dict[str, str]]:
        """A bounded list."""
        if len(value) > CALLERS_LIMIT:
            raise serializers.ValidationError(f"At most {CALLERS_LIMIT} callers.")
        return value


class PolicyInput(CallersInput):
    """The whole policy, to put in force."""

    mode = serializers.ChoiceField(TLS_MODES)
    instances = serializers.DictField(
        child=serializers.ChoiceField(TLS_MODES), required=False, default=dict
    )
    callers_mode = serializers.ChoiceField(("off", "observe", "enforce"), default="off")
    reason = serializers.CharField(
        max_length=REASON_LIMIT, allow_blank=True, required=False, default=""
    )
    force = serializers.BooleanField(
        required=False, default=False, help_text="Strict although something blocks it; admins."
    )
    confirm = serializers.CharField(
        max_length=63,
        required=False,
        default="",
        allow_blank=True,
        help_text="The application's name, typed again; needed with `force`.",
    )


class PolicyOutput(serializers.Serializer[Any]):
    """How an application's links are to be, and are."""

    application = serializers.CharField()
    version = serializers.IntegerField()
    mode = serializers.CharField()
    instances = serializers.DictField(child=serializers.CharField())
    callers = CallerInput(many=True)
    callers_mode = serializers.CharField()
    modes = serializers.DictField(
        child=serializers.CharField(), help_text="In force by open instance."
    )
    blockers = serializers.ListField(
        child=serializers.DictField(), help_text="What keeps it from being strict."
    )
    encrypted_ratio = serializers.FloatField(allow_null=True)
    allowed_actions = ActionOutput(many=True)


class MeshEncryptionView(APIView):
    """The whole mesh."""

    @extend_schema(operation_id="encryption_get", responses={200: schema_of(MeshEncryption)})
    def get(self, request: Request) -> Response:
        """Every application: modes, who calls how, and what keeps it from being strict."""
        return answer(mesh_encryption(timezone.now()))


class ApplicationEncryptionView(APIView):
    """One application."""

    verbs = {"PUT": "encryption_set"}

    @extend_schema(operation_id="application_encryption_get", responses=PolicyOutput)
    def get(self, request: Request, app: str) -> Response:
        """What is in force; the ETag is its version."""
        return _told(request, standing_of(app, timezone.now()))

    @extend_schema(
        operation_id="application_encryption_put",
        request=PolicyInput,
        responses=PolicyOutput,
        parameters=[IF_MATCH],
    )
    def put(self, request: Request, app: str) -> Response:
        """Put a policy in force as the next version; the same again changes nothing.

        Instances that are not named have `mode`. A rollout is the careful way to change modes.
        """
        expected = version_expected(request)
        given = PolicyInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        if values["force"]:
            require(request.user, "encryption_force")
            confirmed(values["confirm"], app)
        try:
            policy_set(
                app,
                Policy(
                    mode=values["mode"],
                    instances=values["instances"],
                    callers=_callers(values["callers"]),
                    callers_mode=values["callers_mode"],
                ),
                actor=request.user.get_username(),
                reason=values["reason"],
                expected_version=expected,
                force=values["force"],
            )
        except Conflict as error:
            raise PreconditionFailed(
                error.detail, code=error.code, current_state=error.current_state
            ) from None
        return _told(request, standing_of(app, timezone.now()))


class CallersPreviewView(APIView):
    """Whom a list would refuse."""

    verbs = {"POST": "preview"}

    @extend_schema(
        operation_id="application_encryption_preview",
        request=CallersInput,
        responses={
            200: {
                "type": "object",
                "properties": {
                    "application": {"type": "string"},
                    "is_known": {"type": "boolean"},
                    "refused": {"type": "array", "items": {"type": "object"}},
                },
            }
        },
    )
    def post(self, request: Request, app: str) -> Response:
        """The callers of the last ten minutes whose requests it would have refused, with counts."""
        given = CallersInput(data=request.data)
        given.is_valid(raise_exception=True)
        standing = standing_of(app, timezone.now())
        refused = refused_by(_callers(given.validated_data["callers"]), standing.callers)
        return Response(
            {
                "application": app,
                "is_known": not any(one.kind == "unknown" for one in standing.blockers),
                "refused": msgspec.to_builtins(refused),
            }
        )


def confirmed(given: str, wanted: str) -> None:
    """Raise Invalid unless the name was typed again."""
    if given != wanted:
        detail = f"Type {wanted} to confirm it."
        raise Invalid(
            detail, code="not_confirmed", errors=[{"pointer": "/confirm", "detail": detail}]
        )


def _callers(given: list[dict[str, str]]) -> tuple[Caller, ...]:
    return tuple(Caller(app=one["app"], unit=one["unit"]) for one in given)


def _told(request: Request, standing: Standing) -> Response:
    body = policy_shown(standing.policy) | {
        "application": standing.application,
        "version": standing.version,
        "modes": {one.id: one.mode for one in standing.instances},
        "blockers": msgspec.to_builtins(standing.blockers),
        "encrypted_ratio": standing.encrypted_ratio,
        "allowed_actions": encryption_actions(request.user, standing),
    }
    return tagged(body, standing.version)
