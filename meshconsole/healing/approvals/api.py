"""REST of approvals: what waits for people, the evidence, and their word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import AllowedAction, allowed_actions
from meshconsole.core.errors import Conflict, Forbidden
from meshconsole.core.paging import CursorPaging
from meshconsole.core.problems import MEDIA_TYPE, problem
from meshconsole.healing.approvals import selectors
from meshconsole.healing.approvals.actions import approval_actions
from meshconsole.healing.approvals.votes import approval_override, approval_vote
from meshconsole.healing.cases.approval_models import Approval, ApprovalVote
from meshconsole.healing.cases.approvals import REASON_LIMIT
from meshconsole.healing.cases.voting import Seen


class VoteOutput(serializers.ModelSerializer[ApprovalVote]):
    """One person's word."""

    class Meta:
        model = ApprovalVote
        fields = ["user", "decision", "reason", "at", "via"]


class ApprovalRowOutput(serializers.ModelSerializer[Approval]):
    """One question about one plan."""

    case = serializers.IntegerField(source="case_id", read_only=True)
    votes = VoteOutput(many=True, read_only=True)
    allowed_actions = serializers.SerializerMethodField()

    class Meta:
        model = Approval
        fields = [
            "id", "case", "state", "version", "instance", "app", "unit", "action", "plan",
            "plan_hash", "needed", "requested_by", "reason", "requested_at", "expires_at",
            "decided_at", "overridden_by", "ended_because", "votes", "allowed_actions",
        ]  # fmt: skip

    def get_allowed_actions(self, row: Approval) -> list[AllowedAction]:
        """For the caller, now."""
        return _allowed(self.context["request"], row)


class ApprovalOutput(ApprovalRowOutput):
    """One question with what it is decided on."""

    evidence = serializers.SerializerMethodField()

    class Meta(ApprovalRowOutput.Meta):
        fields = [*ApprovalRowOutput.Meta.fields, "evidence"]

    def get_evidence(self, row: Approval) -> dict[str, Any]:
        """Reporters, capacity, other cases."""
        found: dict[str, Any] = msgspec.to_builtins(selectors.evidence_of(row, timezone.now()))
        return found


class WordInput(serializers.Serializer[Any]):
    """One person's word, and what was read before it was given."""

    reason = serializers.CharField(max_length=REASON_LIMIT)
    version = serializers.IntegerField(
        min_value=1, help_text="Of the approval as it was read; another one is answered with 409."
    )
    plan_hash = serializers.CharField(max_length=64, help_text="Of the plan that was read.")
    confirm = serializers.CharField(
        max_length=63,
        required=False,
        default="",
        allow_blank=True,
        help_text="The instance's name, typed again, when it is to be removed.",
    )


@extend_schema(
    operation_id="approvals_list",
    parameters=[OpenApiParameter(name, str) for name in selectors.FILTERS],
)
class ApprovalsView(ListAPIView[Approval]):
    """Every question, newest first; `state=pending` is what waits for people."""

    serializer_class = ApprovalRowOutput
    pagination_class = CursorPaging

    def get_queryset(self) -> QuerySet[Approval]:
        """By the filters of the query."""
        query = self.request.query_params
        return selectors.approval_list(
            {name: query.get(name, "").replace("\x00", "")[:63] for name in selectors.FILTERS}
        )


class ApprovalView(APIView):
    """One question."""

    @extend_schema(operation_id="approval_get", responses=ApprovalOutput)
    def get(self, request: Request, pk: int) -> Response:
        """What would run, why, what else is out, and who has said what."""
        return _answer(request, pk)


_EXAMPLE = OpenApiExample(
    "word",
    value={"reason": "Seen in our dashboards too.", "version": 1, "plan_hash": "9f2c..."},
    request_only=True,
)


class ApprovalApproveView(APIView):
    """A yes."""

    verbs = {"POST": "approval_approve"}

    @extend_schema(
        operation_id="approval_approve",
        request=WordInput,
        responses=ApprovalOutput,
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Approve the plan that was read; 403 for whoever asked for it, 409 when it is over."""
        return _said(request, pk, lambda **given: approval_vote(decision="approve", **given))


class ApprovalRejectView(APIView):
    """A no."""

    verbs = {"POST": "approval_reject"}

    @extend_schema(
        operation_id="approval_reject",
        request=WordInput,
        responses=ApprovalOutput,
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Reject the plan that was read; one is enough, and the case is dismissed."""
        return _said(request, pk, lambda **given: approval_vote(decision="reject", **given))


class ApprovalOverrideView(APIView):
    """A yes in an emergency."""

    verbs = {"POST": "approval_override"}

    @extend_schema(operation_id="approval_override", request=WordInput, responses=ApprovalOutput)
    def post(self, request: Request, pk: int) -> Response:
        """Approve alone, past four eyes and two persons; hard gates hold all the same."""

        def act(*, via: str, **given: Any) -> Approval:
            return approval_override(**given)

        return _said(request, pk, act)


def _said(request: Request, pk: int, act: Callable[..., Approval]) -> Response:
    given = WordInput(data=request.data)
    given.is_valid(raise_exception=True)
    values = given.validated_data
    try:
        act(
            pk=pk,
            user=request.user.get_username(),
            reason=values["reason"],
            seen=Seen(version=values["version"], plan_hash=values["plan_hash"]),
            confirm=values["confirm"],
            now=timezone.now(),
            via="api",
        )
    except (Conflict, Forbidden) as error:
        row = selectors.approval_get(pk)
        body = problem(error, instance=request.path, allowed_actions=_allowed(request, row))
        return Response(body, status=error.status, content_type=MEDIA_TYPE)
    return _answer(request, pk)


def _answer(request: Request, pk: int) -> Response:
    row = selectors.approval_get(pk)
    return Response(ApprovalOutput(row, context={"request": request}).data)


def _allowed(request: Any, row: Approval) -> list[AllowedAction]:
    user = request.user
    return allowed_actions(user, approval_actions(row, user.get_username(), timezone.now()))
