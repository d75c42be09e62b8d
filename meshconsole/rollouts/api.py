"""REST of rollouts: preview and make them, read them, and the verbs of their life."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import allowed_actions
from meshconsole.core.answers import answer, schema_of
from meshconsole.core.errors import Invalid
from meshconsole.core.paging import CursorPaging
from meshconsole.rollouts import freezes, selectors, services
from meshconsole.rollouts.actions import rollout_actions
from meshconsole.rollouts.models import Decision, FreezeWindow, Rollout
from meshconsole.rollouts.planning import Preview, preview_of, rollout_of
from meshconsole.rollouts.serializers import (
    DecisionOutput,
    FreezeInput,
    FreezeOutput,
    RolloutInput,
    RolloutRowOutput,
    WishInput,
)
from meshconsole.rollouts.shapes import RolloutShown

IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key again gives the rollout that it made.",
)
_LIST = {"type": "array", "items": {"type": "object"}}
SHOWN = schema_of(RolloutShown, allowed_actions=_LIST)
_KEY_LIMIT = 100


class RolloutsView(ListAPIView[Rollout]):
    """Every rollout."""

    serializer_class = RolloutRowOutput
    pagination_class = CursorPaging
    verbs = {"POST": "rollout_create"}

    def get_queryset(self) -> QuerySet[Rollout]:
        """By the filters of the query."""
        query = self.request.query_params
        return selectors.rollout_list({name: query.get(name, "") for name in selectors.FILTERS})

    @extend_schema(
        operation_id="rollouts_list",
        parameters=[OpenApiParameter(name, str) for name in selectors.FILTERS],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Newest first, by kind, application and state; `state=open` is any that owns."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        operation_id="rollout_create",
        request=RolloutInput,
        responses={201: SHOWN},
        parameters=[IDEMPOTENCY],
    )
    def post(self, request: Request) -> Response:
        """Make a draft; nothing is written to the mesh before it is started."""
        given = RolloutInput(data=request.data)
        given.is_valid(raise_exception=True)
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > _KEY_LIMIT or not key.isprintable():
            raise Invalid(f"An Idempotency-Key has at most {_KEY_LIMIT} printable characters.")
        row = services.rollout_create(
            **given.validated_data,
            actor=request.user.get_username(),
            now=timezone.now(),
            request_key=key or None,
        )
        return rollout_answer(request, row.pk, status=201)


class RolloutPreviewView(APIView):
    """What a rollout would do."""

    verbs = {"POST": "preview"}

    @extend_schema(
        operation_id="rollout_preview",
        request=WishInput,
        responses={200: schema_of(Preview, allowed_actions=_LIST)},
    )
    def post(self, request: Request) -> Response:
        """Waves, affected sidecars, blockers and approval, as the mesh is now; changes nothing."""
        given = WishInput(data=request.data)
        given.is_valid(raise_exception=True)
        preview = preview_of(rollout_of(**given.validated_data), timezone.now())
        return answer(preview, allowed_actions=allowed_actions(request.user, ["rollout_create"]))


class RolloutView(APIView):
    """One rollout."""

    @extend_schema(operation_id="rollout_get", responses={200: SHOWN})
    def get(self, request: Request, pk: int) -> Response:
        """With its waves, their instances, and what every gate says."""
        return rollout_answer(request, pk)


class DecisionsView(ListAPIView[Decision]):
    """Who decided what about a rollout, and why."""

    serializer_class = DecisionOutput
    pagination_class = CursorPaging

    def get_queryset(self) -> QuerySet[Decision]:
        """Of the rollout in the path, newest first."""
        if getattr(self, "swagger_fake_view", False):
            return Decision.objects.none()
        return selectors.decisions_of(selectors.rollout_get(self.kwargs["pk"]).pk)


class FreezesView(ListAPIView[FreezeWindow]):
    """Times in which nothing new is put in force."""

    serializer_class = FreezeOutput
    pagination_class = CursorPaging
    verbs = {"POST": "freeze_create"}

    def get_queryset(self) -> QuerySet[FreezeWindow]:
        """Those that have not ended."""
        return freezes.freezes(timezone.now())

    @extend_schema(operation_id="freeze_create", request=FreezeInput, responses={201: FreezeOutput})
    def post(self, request: Request) -> Response:
        """Forbid to begin anything new for a time; what is rolled back is rolled back."""
        given = FreezeInput(data=request.data)
        given.is_valid(raise_exception=True)
        row = freezes.freeze_create(
            **given.validated_data, actor=request.user.get_username(), now=timezone.now()
        )
        return Response(FreezeOutput(row).data, status=201)


class FreezeView(APIView):
    """One freeze."""

    verbs = {"DELETE": "freeze_end"}

    @extend_schema(operation_id="freeze_end", request=None, responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """End it now, or call it off."""
        freezes.freeze_end(pk=pk, actor=request.user.get_username(), now=timezone.now())
        return Response(status=204)


def rollout_answer(request: Request, pk: int, *, status: int = 200) -> Response:
    """A rollout as every door answers with it: whole, with what the caller may do."""
    row = selectors.rollout_get(pk)
    user = request.user
    found = answer(
        selectors.rollout_shown(pk, timezone.now()),
        allowed_actions=allowed_actions(user, rollout_actions(row, user.get_username())),
    )
    found.status_code = status
    return found
