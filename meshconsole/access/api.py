"""REST of access: who am I, and tokens for scripts."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access import services
from meshconsole.access.models import ApiToken
from meshconsole.access.permissions import allowed_actions
from meshconsole.access.roles import VERBS, Role, role_of
from meshconsole.core.errors import NotFound

_ROLES = [role.name for role in Role if role]


class TokenInput(serializers.Serializer[Any]):
    """A wish for a token."""

    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(_ROLES, default="viewer")
    days = serializers.IntegerField(min_value=1, max_value=services.DAYS_LIMIT, default=90)


class TokenOutput(serializers.ModelSerializer[ApiToken]):
    """A token without its secret."""

    role = serializers.SerializerMethodField()

    class Meta:
        model = ApiToken
        fields = ["id", "name", "role", "prefix", "created_at", "expires_at", "used_at",
                  "revoked_at"]  # fmt: skip

    def get_role(self, row: ApiToken) -> str:
        """By name."""
        return Role(row.role).name


class TokenMade(TokenOutput):
    """A token with its secret, once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenOutput.Meta):
        fields = [*TokenOutput.Meta.fields, "token"]


class MeOutput(serializers.Serializer[Any]):
    """The caller."""

    user = serializers.CharField()
    role = serializers.CharField()
    allowed_actions = serializers.ListField(child=serializers.DictField())


class MeView(APIView):
    """The caller."""

    @extend_schema(operation_id="me_get", responses=MeOutput)
    def get(self, request: Request) -> Response:
        """Who you are here and what you may do."""
        return Response(
            {
                "user": request.user.get_username(),
                "role": role_of(request.user).name,
                "allowed_actions": allowed_actions(request.user, VERBS),
            }
        )


class TokensView(ListAPIView[ApiToken]):
    """Your tokens."""

    serializer_class = TokenOutput
    verbs = {"POST": "token_create"}

    def get_queryset(self) -> QuerySet[ApiToken]:
        """Those of the caller; revoked ones too."""
        return ApiToken.objects.filter(owner_id=self.request.user.pk)

    @extend_schema(operation_id="tokens_create", request=TokenInput, responses={201: TokenMade})
    def post(self, request: Request) -> Response:
        """Make a token; its secret is in this answer and nowhere else."""
        given = TokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        token, secret = services.token_create(
            owner=request.user,  # type: ignore[arg-type]
            name=values["name"],
            role=Role[values["role"]],
            days=values["days"],
            now=timezone.now(),
        )
        token.token = secret  # type: ignore[attr-defined]
        return Response(TokenMade(token).data, status=201)


class TokenView(APIView):
    """One of your tokens."""

    verbs = {"DELETE": "token_revoke"}

    @extend_schema(operation_id="token_revoke", request=None, responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """End it at once."""
        token = ApiToken.objects.filter(pk=token_id, owner_id=request.user.pk).first()
        if token is None:
            raise NotFound("You have no such token.")
        services.token_revoke(token, actor=request.user.get_username(), now=timezone.now())
        return Response(status=204)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the API's description names our tokens."""

    target_class = "meshconsole.access.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A bearer token."""
        return {"type": "http", "scheme": "bearer"}
