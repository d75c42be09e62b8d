"""REST of the authority's generations: see them, add one, sign with it, retire one."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import AllowedAction
from meshconsole.core.paging import CursorPaging
from meshconsole.encryption import selectors
from meshconsole.encryption.actions import authority_actions
from meshconsole.encryption.models import Authority
from meshconsole.encryption.policy_api import confirmed
from meshconsole.encryption.rotation import authority_add, authority_retire, authority_sign_with
from meshconsole.encryption.services import REASON_LIMIT
from meshconsole.encryption.states import AuthorityState
from meshconsole.inventory.serializers import ActionOutput


class AuthorityOutput(serializers.ModelSerializer[Authority]):
    """One generation."""

    not_trusting = serializers.SerializerMethodField()
    holding = serializers.SerializerMethodField()
    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = Authority
        fields = [
            "generation", "state", "trust_domain", "signer", "location", "certificate", "chain",
            "pin", "created_at", "signs_from", "retired_at", "ends_at", "not_trusting", "holding",
            "allowed_actions",
        ]  # fmt: skip

    def get_not_trusting(self, row: Authority) -> list[str] | None:
        """Live sidecars that do not trust its root; null when it is retired or not known."""
        evidence = self._evidence(row)
        return list(evidence.not_trusting) if evidence and evidence.is_known else None

    def get_holding(self, row: Authority) -> list[str] | None:
        """Live sidecars whose certificate is of it; null when it is retired or not known."""
        evidence = self._evidence(row)
        return list(evidence.holding) if evidence and evidence.is_known else None

    @extend_schema_field(ActionOutput(many=True))
    def get_allowed_actions(self, row: Authority) -> list[AllowedAction]:
        """For the caller, now."""
        return authority_actions(self.context["request"].user, row, self._evidence(row))

    def _evidence(self, row: Authority) -> selectors.Evidence | None:
        if row.state == AuthorityState.RETIRED:
            return None
        known = getattr(row, "_evidence", None)
        if not isinstance(known, selectors.Evidence):
            known = selectors.rotation_evidence(row.generation, timezone.now())
            setattr(row, "_evidence", known)  # noqa: B010
        return known


class StepInput(serializers.Serializer[Any]):
    """A step of a rotation."""

    reason = serializers.CharField(
        max_length=REASON_LIMIT, allow_blank=True, required=False, default=""
    )
    confirm = serializers.CharField(
        max_length=255,
        required=False,
        default="",
        allow_blank=True,
        help_text="The trust domain, typed again; needed to sign and to retire.",
    )


class ByGeneration(CursorPaging):
    """Newest first."""

    ordering = "-generation"


class AuthoritiesView(ListAPIView[Authority]):
    """Every generation."""

    verbs = {"POST": "authority_add"}
    serializer_class = AuthorityOutput
    pagination_class = ByGeneration

    def get_queryset(self) -> QuerySet[Authority]:
        """All of them."""
        return selectors.authorities()

    @extend_schema(operation_id="authorities_list")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first, with what live sidecars say of each; keys are never shown."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="authority_add", request=StepInput, responses={201: AuthorityOutput}
    )
    def post(self, request: Request) -> Response:
        """Add the next generation: trusted by all, signing nothing yet."""
        given = StepInput(data=request.data)
        given.is_valid(raise_exception=True)
        made = authority_add(
            now=timezone.now(),
            actor=request.user.get_username(),
            reason=given.validated_data["reason"],
        )
        return Response(AuthorityOutput(made, context={"request": request}).data, status=201)


class AuthoritySignView(APIView):
    """The second step of a rotation."""

    verbs = {"POST": "authority_sign_with"}

    @extend_schema(operation_id="authority_sign_with", request=StepInput, responses=AuthorityOutput)
    def post(self, request: Request, generation: int) -> Response:
        """Sign new leaves with this generation; refused until every live sidecar trusts it."""
        evidence = selectors.rotation_evidence(generation, timezone.now())
        row = authority_sign_with(
            generation,
            trusted_by_all=evidence.trusted_by_all,
            now=timezone.now(),
            actor=request.user.get_username(),
            reason=_checked(request, generation),
        )
        return Response(AuthorityOutput(row, context={"request": request}).data)


class AuthorityRetireView(APIView):
    """The last step of a rotation."""

    verbs = {"POST": "authority_retire"}

    @extend_schema(operation_id="authority_retire", request=StepInput, responses=AuthorityOutput)
    def post(self, request: Request, generation: int) -> Response:
        """Trust it no more; refused while a live sidecar holds a certificate of it."""
        evidence = selectors.rotation_evidence(generation, timezone.now())
        row = authority_retire(
            generation,
            unused=evidence.unused,
            now=timezone.now(),
            actor=request.user.get_username(),
            reason=_checked(request, generation),
        )
        return Response(AuthorityOutput(row, context={"request": request}).data)


def _checked(request: Request, generation: int) -> str:
    given = StepInput(data=request.data)
    given.is_valid(raise_exception=True)
    confirmed(given.validated_data["confirm"], selectors.authority_get(generation).trust_domain)
    return str(given.validated_data["reason"])
