"""REST of traffic: the graph, and figures of applications, instances, interfaces and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.core.answers import schema_of
from meshconsole.core.errors import NotFound
from meshconsole.telemetry import selectors
from meshconsole.telemetry.topology import Graph, GroupBy

MINUTES = OpenApiParameter("minutes", int, description="Of traffic to look back at, 1 to 60 (5).")
APPLICATION = OpenApiParameter("application", str)
_DEFAULT_MINUTES, _MOST_MINUTES = 5, 60
_GROUPINGS = ("application", "unit", "group")


class TopologyView(APIView):
    """The graph of traffic."""

    @extend_schema(
        operation_id="topology_get",
        responses={200: schema_of(Graph)},
        parameters=[MINUTES, APPLICATION, OpenApiParameter("by", str, enum=_GROUPINGS)],
    )
    def get(self, request: Request) -> Response:
        """Nodes and edges in one answer, within what a person can look at."""
        by = request.query_params.get("by", "application")
        if by not in _GROUPINGS:
            raise serializers.ValidationError({"by": [f"One of {', '.join(_GROUPINGS)}."]})
        graph = selectors.topology(
            minutes=_minutes(request),
            group_by=cast("GroupBy", by),
            app=request.query_params.get("application") or None,
        )
        return Response(msgspec.to_builtins(graph))


class TrafficView(APIView):
    """Figures by one of the kinds in `KINDS`."""

    @extend_schema(
        operation_id="telemetry_get",
        responses=OpenApiTypes.OBJECT,
        parameters=[
            MINUTES,
            APPLICATION,
            OpenApiParameter(
                "kind",
                str,
                OpenApiParameter.PATH,
                enum=["applications", "edges", "groups", "instances", "interfaces", "series"],
            ),
        ],
    )
    def get(self, request: Request, kind: str) -> Response:
        """The rows; `groups` and `interfaces` are of one application."""
        if kind not in KINDS:
            raise NotFound(f"There are no figures of {kind[:40]!r}: ask for {', '.join(KINDS)}.")
        rows = KINDS[kind](_minutes(request), request.query_params.get("application", ""))
        return Response({"results": msgspec.to_builtins(rows)})


def _minutes(request: Request) -> int:
    given = request.query_params.get("minutes", str(_DEFAULT_MINUTES))
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:4]) <= _MOST_MINUTES):
        raise serializers.ValidationError({"minutes": [f"A number from 1 to {_MOST_MINUTES}."]})
    return int(given)


def _named(app: str) -> str:
    if not app:
        raise serializers.ValidationError({"application": ["Say which application."]})
    return app


KINDS: dict[str, Callable[[int, str], Any]] = {
    "applications": lambda minutes, app: selectors.applications(minutes=minutes),
    "edges": lambda minutes, app: selectors.edges(minutes=minutes),
    "groups": lambda minutes, app: selectors.groups(app=_named(app), minutes=minutes),
    "instances": lambda minutes, app: selectors.instances(minutes=minutes),
    "interfaces": lambda minutes, app: selectors.interfaces(app=_named(app), minutes=minutes),
    "series": lambda minutes, app: selectors.series(minutes=minutes, app=app or None),
}
