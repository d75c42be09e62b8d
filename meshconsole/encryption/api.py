"""REST of the authority: join tokens are made, certificates are read."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.encryption import selectors
from meshconsole.encryption.issuance import TOKEN_LIFE_LIMIT_SECONDS, join_token_create
from meshconsole.encryption.models import Certificate


class JoinTokenRequestSerializer(serializers.Serializer[Any]):
    """Which sidecar may enrol, and for how long the token lives."""

    application = serializers.CharField(max_length=63)
    unit = serializers.CharField(max_length=63)
    instance = serializers.CharField(max_length=63, required=False, default="", allow_blank=True)
    ttl_seconds = serializers.IntegerField(
        min_value=1, max_value=TOKEN_LIFE_LIMIT_SECONDS, default=TOKEN_LIFE_LIMIT_SECONDS
    )


class JoinTokenSerializer(serializers.Serializer[Any]):
    """The token; it is not shown again."""

    token = serializers.CharField()


class CertificateSerializer(serializers.ModelSerializer[Certificate]):
    """One line of the issuance log."""

    authority = serializers.IntegerField(source="authority.generation")

    class Meta:
        model = Certificate
        fields = [
            "serial", "authority", "uri", "purpose", "key_sha256", "begins_at", "ends_at",
            "issued_at",
        ]  # fmt: skip


class JoinTokensView(APIView):
    """Leave to enrol one sidecar."""

    verbs = {"POST": "join_token_create"}

    @extend_schema(
        operation_id="join_token_create",
        request=JoinTokenRequestSerializer,
        responses={201: JoinTokenSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a one-time token for an application and unit, and optionally one instance."""
        wanted = JoinTokenRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        token = join_token_create(
            **wanted.validated_data, actor=request.user.get_username(), now=timezone.now()
        )
        return Response({"token": token}, status=201, headers={"Cache-Control": "no-store"})


class CertificatesView(ListAPIView[Certificate]):
    """Every certificate that was ever signed."""

    serializer_class = CertificateSerializer

    @extend_schema(
        operation_id="certificates_list",
        parameters=[OpenApiParameter("uri", str, description="Only those of this identity.")],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The issuance log, newest first."""
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Certificate]:
        """Filtered by `?uri=`."""
        return selectors.certificates(self.request.query_params.get("uri", ""))
