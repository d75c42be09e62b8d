"""REST of the shared floor: the revision of intent."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.core import revision


class RevisionView(APIView):
    """Which revision of intent is committed."""

    @extend_schema(
        operation_id="revision_get",
        responses=inline_serializer("Revision", {"revision": serializers.IntegerField()}),
    )
    def get(self, request: Request) -> Response:
        """The number that every change of intent raises."""
        return Response({"revision": revision.current()})
