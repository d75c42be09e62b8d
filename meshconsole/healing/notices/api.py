"""REST of notices: the ways out of the console, a test of each, and the delivery log."""

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

from meshconsole.core.paging import CursorPaging
from meshconsole.healing.guards.api import ReasonInput, reason_of
from meshconsole.healing.guards.services import REASON_LIMIT
from meshconsole.healing.notices import channels, services as notices
from meshconsole.healing.notices.models import KINDS, STATES, Notice, NoticeChannel


class ChannelInput(serializers.Serializer[Any]):
    """A channel as it is to be; what is secret is written and never read."""

    name = serializers.CharField(max_length=channels.NAME_LIMIT)
    kind = serializers.ChoiceField(KINDS)
    target = serializers.CharField(
        max_length=300,
        allow_blank=True,
        default="",
        help_text="Mail address, or address of the webhook; empty keeps the one that is sealed.",
    )
    secret = serializers.CharField(
        max_length=channels.SECRET_LIMIT,
        allow_blank=True,
        default="",
        write_only=True,
        help_text="Signs a webhook's messages; empty keeps the one there is.",
    )
    application = serializers.CharField(max_length=63, allow_blank=True, default="")
    recipient = serializers.CharField(
        max_length=150,
        allow_blank=True,
        default="",
        help_text="The one account that reads it, which then gets links that decide.",
    )
    is_enabled = serializers.BooleanField(default=True)
    reason = serializers.CharField(max_length=REASON_LIMIT)


class ChannelOutput(serializers.ModelSerializer[NoticeChannel]):
    """A channel without its secret."""

    has_secret = serializers.SerializerMethodField()

    class Meta:
        model = NoticeChannel
        fields = [
            "id", "name", "kind", "target", "has_secret", "application", "recipient",
            "is_enabled", "updated_by", "updated_at",
        ]  # fmt: skip

    def get_has_secret(self, row: NoticeChannel) -> bool:
        """Is something sealed?"""
        return bool(row.sealed)


class NoticeOutput(serializers.ModelSerializer[Notice]):
    """One message to one channel, and how far it came."""

    channel = serializers.CharField(source="channel.name", read_only=True)

    class Meta:
        model = Notice
        fields = [
            "id", "channel", "kind", "subject", "approval", "state", "attempts", "next_at",
            "last_error", "created_at", "sent_at",
        ]  # fmt: skip


class ChannelsView(ListAPIView[NoticeChannel]):
    """Ways out of the console."""

    serializer_class = ChannelOutput
    pagination_class = CursorPaging
    queryset = NoticeChannel.objects.all()
    verbs = {"POST": "notice_set"}

    @extend_schema(
        operation_id="notice_channel_create",
        request=ChannelInput,
        responses={201: ChannelOutput},
    )
    def post(self, request: Request) -> Response:
        """Make one; its secret is sealed and never shown again."""
        return Response(ChannelOutput(_set(request, None)).data, status=201)


class ChannelView(APIView):
    """One channel."""

    verbs = {"PUT": "notice_set"}

    @extend_schema(operation_id="notice_channel_put", request=ChannelInput, responses=ChannelOutput)
    def put(self, request: Request, pk: int) -> Response:
        """Change it; a secret that is not given stays."""
        return Response(ChannelOutput(_set(request, pk)).data)


class ChannelRemoveView(APIView):
    """The end of a channel."""

    verbs = {"POST": "notice_set"}

    @extend_schema(operation_id="notice_channel_remove", request=ReasonInput, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        """Take it away, with its log."""
        channels.channel_remove(pk=pk, reason=reason_of(request), actor=request.user.get_username())
        return Response(status=204)


class ChannelTestView(APIView):
    """A line through a channel."""

    verbs = {"POST": "notice_send"}

    @extend_schema(operation_id="notice_channel_test", request=None, responses={202: NoticeOutput})
    def post(self, request: Request, pk: int) -> Response:
        """Send it; the answer is its row in the delivery log."""
        notice = notices.notice_test(pk=pk, actor=request.user.get_username(), now=timezone.now())
        return Response(NoticeOutput(notice).data, status=202)


@extend_schema(
    operation_id="notices_list",
    parameters=[OpenApiParameter("state", str, enum=STATES), OpenApiParameter("channel", str)],
)
class NoticesView(ListAPIView[Notice]):
    """The delivery log."""

    serializer_class = NoticeOutput
    pagination_class = CursorPaging

    def get_queryset(self) -> QuerySet[Notice]:
        """By the filters of the query, newest first."""
        query = self.request.query_params
        return notices.notice_list(state=query.get("state", ""), channel=query.get("channel", ""))


def _set(request: Request, pk: int | None) -> NoticeChannel:
    given = ChannelInput(data=request.data)
    given.is_valid(raise_exception=True)
    values = dict(given.validated_data)
    reason = values.pop("reason")
    return channels.channel_set(
        channels.Wish(**values),
        reason=reason,
        actor=request.user.get_username(),
        now=timezone.now(),
        pk=pk,
    )
