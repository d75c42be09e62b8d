"""REST of cases: list, one in full, its timeline, and the verbs that people have for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.core.answers import answer, schema_of
from meshconsole.core.paging import CursorPaging
from meshconsole.healing.casebook.views import report_of
from meshconsole.healing.cases import selectors as case_selectors, verbs as case_verbs
from meshconsole.healing.cases.models import CaseEntry, HealingCase
from meshconsole.healing.cases.shapes import (
    CaseOutput,
    CaseRowOutput,
    EntryOutput,
    MarkInput,
    RemovalInput,
    WordInput,
)
from meshconsole.healing.evidence.selectors import Facets

_PICKED = [OpenApiParameter(name, str) for name in case_selectors.FILTERS]
_TEXT = OpenApiParameter("q", str, description="Part of the instance's id or address.")


class NewestCase(CursorPaging):
    """Newest first."""

    ordering = "-id"


@extend_schema(operation_id="cases_list", parameters=[*_PICKED, _TEXT])
class CasesView(ListAPIView[HealingCase]):
    """Cases, newest first, narrowed by facets; `state=open` is every one that is not over."""

    serializer_class = CaseRowOutput
    pagination_class = NewestCase

    def get_queryset(self) -> QuerySet[HealingCase]:
        """By the facets and the text of the query."""
        return case_selectors.case_list(_picked(self.request), text=_text(self.request))


class CaseFacetsView(APIView):
    """How the list can be narrowed."""

    @extend_schema(
        operation_id="case_facets", parameters=[*_PICKED, _TEXT], responses={200: schema_of(Facets)}
    )
    def get(self, request: Request) -> Response:
        """Each facet's commonest values with their counts under the other facets."""
        return answer(case_selectors.case_facets(_picked(request), text=_text(request)))


class CaseView(APIView):
    """One case."""

    @extend_schema(operation_id="case_get", responses=CaseOutput)
    def get(self, request: Request, pk: int) -> Response:
        """With its gates, its plan, the facts it was decided on, and every executed step."""
        return _answer(request, case_selectors.case_get(pk))


class CaseReportView(APIView):
    """One case as a document."""

    @extend_schema(operation_id="case_report", responses={(200, "text/markdown"): str})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The whole story as Markdown, readable without the console."""
        return report_of(pk)


class FirstLine(CursorPaging):
    """In the order in which it happened."""

    ordering = "id"


class CaseTimelineView(ListAPIView[CaseEntry]):
    """Who did what to a case and why, oldest first."""

    serializer_class = EntryOutput
    pagination_class = FirstLine

    def get_queryset(self) -> QuerySet[CaseEntry]:
        """Of the case in the path."""
        if getattr(self, "swagger_fake_view", False):
            return CaseEntry.objects.none()
        return case_selectors.entries_of(case_selectors.case_get(self.kwargs["pk"]).pk)


class CaseDismissView(APIView):
    """The end of a case about which nothing is to be done."""

    verbs = {"POST": "case_dismiss"}

    @extend_schema(operation_id="case_dismiss", request=WordInput, responses=CaseOutput)
    def post(self, request: Request, pk: int) -> Response:
        """Close it; the same reports open no other one for a quarter of an hour."""
        return _done(request, pk, case_verbs.case_dismiss)


class CaseHoldView(APIView):
    """A halt."""

    verbs = {"POST": "case_hold"}

    @extend_schema(operation_id="case_hold", request=WordInput, responses=CaseOutput)
    def post(self, request: Request, pk: int) -> Response:
        """Begin nothing new until a person releases it."""
        return _done(request, pk, case_verbs.case_hold)


class CaseReleaseView(APIView):
    """The end of a halt."""

    verbs = {"POST": "case_release"}

    @extend_schema(operation_id="case_release", request=WordInput, responses=CaseOutput)
    def post(self, request: Request, pk: int) -> Response:
        """Let go of it; the healer holds on to it while a storm or a kill switch is on."""
        return _done(request, pk, case_verbs.case_release)


class CaseRetryView(APIView):
    """Another try."""

    verbs = {"POST": "case_retry"}

    @extend_schema(operation_id="case_retry", request=WordInput, responses=CaseOutput)
    def post(self, request: Request, pk: int) -> Response:
        """Begin again with the first rung, if its callers still say that it fails."""
        return _done(request, pk, case_verbs.case_retry)


class CaseMarkView(APIView):
    """What a case was, afterwards."""

    verbs = {"POST": "case_mark"}

    @extend_schema(operation_id="case_mark", request=MarkInput, responses=CaseOutput)
    def post(self, request: Request, pk: int) -> Response:
        """Mark a closed case as right or as a false alarm; the last word counts."""
        given = MarkInput(data=request.data)
        given.is_valid(raise_exception=True)
        actor, now = request.user.get_username(), timezone.now()
        return _answer(
            request, case_verbs.case_mark(pk=pk, actor=actor, now=now, **given.validated_data)
        )


class RemovalsView(APIView):
    """Graceful removals that people ask for."""

    verbs = {"POST": "removal_start"}

    @extend_schema(operation_id="removal_start", request=RemovalInput, responses={201: CaseOutput})
    def post(self, request: Request) -> Response:
        """Ask that an instance is drained, stopped and replaced: two others have to approve."""
        given = RemovalInput(data=request.data)
        given.is_valid(raise_exception=True)
        actor, now = request.user.get_username(), timezone.now()
        case = case_verbs.removal_start(actor=actor, now=now, **given.validated_data)
        return _answer(request, case, status=201)


def _done(request: Request, pk: int, verb: Callable[..., HealingCase]) -> Response:
    given = WordInput(data=request.data)
    given.is_valid(raise_exception=True)
    actor, now = request.user.get_username(), timezone.now()
    return _answer(request, verb(pk=pk, actor=actor, now=now, **given.validated_data))


def _answer(request: Request, case: HealingCase, *, status: int = 200) -> Response:
    shown: dict[str, Any] = CaseOutput(case, context={"request": request}).data
    return Response(shown, status=status)


def _picked(request: Request) -> dict[str, str]:
    query = request.query_params
    return {name: _clean(query.get(name, "")) for name in case_selectors.FILTERS}


def _text(request: Request) -> str:
    return _clean(request.query_params.get("q", "")).strip()


def _clean(text: str) -> str:
    return text.replace("\x00", "")[:200]
