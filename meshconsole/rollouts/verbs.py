"""The verbs of one rollout by REST: the same words as on its page and in meshctl.

Each may be said twice; what its state does not allow is answered with 409 and the state in force.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.access.permissions import require
from meshconsole.rollouts import selectors, services
from meshconsole.rollouts.actions import approver_check, start_check
from meshconsole.rollouts.api import SHOWN, rollout_answer
from meshconsole.rollouts.serializers import BypassInput, StartInput, VerbInput


class RolloutPlanView(APIView):
    """The plan of a rollout that has not begun."""

    verbs = {"POST": "rollout_plan"}

    @extend_schema(operation_id="rollout_plan", request=None, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """Generate the waves as the mesh is now; again for as long as it has not begun."""
        actor, now = request.user.get_username(), timezone.now()
        services.rollout_plan(pk=pk, actor=actor, now=now)
        return rollout_answer(request, pk)


class RolloutStartView(APIView):
    """The begin of a rollout."""

    verbs = {"POST": "rollout_start"}

    @extend_schema(operation_id="rollout_start", request=StartInput, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """Begin, or ask for approval where policy does; 409 when blocked, 423 in a freeze, 400
        without the word that `allowed_actions` asks to confirm it with."""
        given = _given_bypass(request, StartInput)
        start_check(selectors.rollout_get(pk), given.pop("confirm"))
        services.rollout_start(pk=pk, **given)
        return rollout_answer(request, pk)


class RolloutApproveView(APIView):
    """A second person's word."""

    verbs = {"POST": "rollout_approve"}

    @extend_schema(operation_id="rollout_approve", request=VerbInput, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """Let it begin; 403 for whoever asked for it, or may not do by hand what it does."""
        approver_check(request.user, pk)
        services.rollout_approve(pk=pk, **_given(request))
        return rollout_answer(request, pk)


class RolloutPromoteView(APIView):
    """A person's word for a wave."""

    verbs = {"POST": "rollout_promote"}

    @extend_schema(operation_id="rollout_promote", request=BypassInput, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """Let the wave pass now; without a verdict only with a reason, after a failure never."""
        services.rollout_promote(pk=pk, **_given_bypass(request))
        return rollout_answer(request, pk)


class RolloutPauseView(APIView):
    """A halt."""

    verbs = {"POST": "rollout_pause"}

    @extend_schema(operation_id="rollout_pause", request=VerbInput, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """Write nothing more and undo nothing, until it is resumed."""
        services.rollout_pause(pk=pk, **_given(request))
        return rollout_answer(request, pk)


class RolloutResumeView(APIView):
    """The end of a halt."""

    verbs = {"POST": "rollout_resume"}

    @extend_schema(operation_id="rollout_resume", request=VerbInput, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """Go on; a wave that was soaking is seen in force and soaks anew."""
        services.rollout_resume(pk=pk, **_given(request))
        return rollout_answer(request, pk)


class RolloutAbortView(APIView):
    """The end of a rollout that is not wanted."""

    verbs = {"POST": "rollout_abort"}

    @extend_schema(operation_id="rollout_abort", request=VerbInput, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """What has not begun is over; what has begun is rolled back."""
        services.rollout_abort(pk=pk, **_given(request))
        return rollout_answer(request, pk)


class RolloutRollbackView(APIView):
    """The way back."""

    verbs = {"POST": "rollout_rollback"}

    @extend_schema(operation_id="rollout_rollback", request=VerbInput, responses={200: SHOWN})
    def post(self, request: Request, pk: int) -> Response:
        """Undo what it wrote, latest wave first; of a stuck one, try once more."""
        services.rollout_rollback(pk=pk, **_given(request))
        return rollout_answer(request, pk)


def _given(request: Request) -> dict[str, Any]:
    given = VerbInput(data=request.data or {})
    given.is_valid(raise_exception=True)
    return {"actor": request.user.get_username(), "now": timezone.now(), **given.validated_data}


def _given_bypass(request: Request, shape: type[BypassInput] = BypassInput) -> dict[str, Any]:
    given = shape(data=request.data or {})
    given.is_valid(raise_exception=True)
    if given.validated_data["bypass"]:
        require(request.user, "rollout_bypass")
    return {"actor": request.user.get_username(), "now": timezone.now(), **given.validated_data}
