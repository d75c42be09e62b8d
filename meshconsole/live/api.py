"""The feed for those who cannot hold a WebSocket: ask again with the cursor of the last answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.live.selectors import CatchUp, cursor_now, events_since


class FrameOutput(serializers.Serializer[Any]):
    """One event."""

    id = serializers.IntegerField()
    topic = serializers.CharField()
    kind = serializers.CharField()
    ref = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]
    at = serializers.DateTimeField()


class EventsOutput(serializers.Serializer[Any]):
    """Events after the cursor, and the next cursor."""

    results = FrameOutput(many=True)
    cursor = serializers.IntegerField()
    reset = serializers.BooleanField()


class EventsView(APIView):
    """What happened since."""

    @extend_schema(
        operation_id="events_list",
        responses=EventsOutput,
        parameters=[OpenApiParameter("since", int), OpenApiParameter("topics", str)],
    )
    def get(self, request: Request) -> Response:
        """At most 500 events after `since`; `reset` asks to read the page's data anew.

        Without `since` the answer is the present cursor. Ids may come twice; drop known ones.
        """
        given = request.query_params.get("since", "")
        topics = [one for one in request.query_params.get("topics", "").split(",") if one]
        if given and not (given.isascii() and given.isdigit() and len(given) < 19):
            raise serializers.ValidationError({"since": ["A cursor is a number."]})
        found = events_since(int(given), topics) if given else CatchUp([], cursor_now())
        return Response({"results": found.frames, "cursor": found.cursor, "reset": found.reset})
