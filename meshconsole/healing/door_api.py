"""REST for who reports from outside: a batch of CloudEvents, and Alertmanager's webhook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from meshconsole.core.answers import answer, schema_of
from meshconsole.core.errors import Invalid, MeshError
from meshconsole.core.parsing import BoundedJSONParser
from meshconsole.healing import doors
from meshconsole.healing.api import AnomalyReportsView
from meshconsole.healing.evidence.cloudevents import EVENTS_LIMIT, TYPE

BODY_LIMIT_BYTES = 64 * 1024
BATCH = "application/cloudevents-batch+json"
_REPORT = {
    "subject": {"instance": "order-2", "app": "order"},
    "phase": "failing",
    "rule": "error_rate",
    "window_start": 1767323040.0,
    "window_end": 1767323045.0,
    "n": 200,
    "errors": {"5xx": 90, "timeout": 10},
    "rate": 0.5,
}
_EVENT = {
    "specversion": "1.0",
    "type": TYPE,
    "source": "/probes/eu-1",
    "id": "7f2c9a",
    "datacontenttype": "application/json",
    "data": _REPORT,
}
_DELIVERY = {
    "version": "4",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HighErrorRate", "instance": "10.0.0.7:8080", "app": "order"},
            "annotations": {"summary": "Half of the requests to order-2 fail."},
            "startsAt": "2026-01-02T03:04:05Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "c0ffee1234567890",
        }
    ],
}
_EVENT_SHAPE = {
    "type": "object",
    "required": ["specversion", "type", "source", "id", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "type": {"const": TYPE},
        "source": {"type": "string"},
        "id": {"type": "string"},
        "data": {"type": "object", "description": "The report, without an id of its own."},
    },
}
_BATCH_SHAPE = {"type": "array", "minItems": 1, "maxItems": EVENTS_LIMIT, "items": _EVENT_SHAPE}


class SmallJSONParser(BoundedJSONParser):
    """JSON of at most 64 KiB."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read the body; raises 413 for a longer one."""
        raw = stream.read(BODY_LIMIT_BYTES + 1)
        if len(raw) > BODY_LIMIT_BYTES:
            detail = f"Reports have at most {BODY_LIMIT_BYTES} bytes; send them in parts."
            raise MeshError(detail, code="too_large", status=413)
        return self.value_of(raw)


class BatchParser(SmallJSONParser):
    """Several CloudEvents."""

    media_type = BATCH


class EventParser(SmallJSONParser):
    """One CloudEvent."""

    media_type = "application/cloudevents+json"


class AnomalyReportsDoor(AnomalyReportsView):
    """Evidence: read, and sent."""

    verbs = {"POST": "report_send"}
    parser_classes = [BatchParser, EventParser, SmallJSONParser]

    @extend_schema(
        operation_id="anomaly_reports_send",
        request={BATCH: _BATCH_SHAPE, "application/json": _BATCH_SHAPE},
        responses={200: schema_of(doors.Taken)},
        examples=[OpenApiExample("batch", value=[_EVENT], request_only=True, media_type=BATCH)],
    )
    def post(self, request: Request) -> Response:
        """Send a batch of CloudEvents; each is told what became of it, good ones are kept whatever
        the others are. Such evidence may propose, and counts as one reporter for each account."""
        return _took(request, doors.events_take)


class AlertmanagerView(APIView):
    """Alertmanager's webhook."""

    verbs = {"POST": "report_send"}
    parser_classes = [SmallJSONParser]

    @extend_schema(
        operation_id="alertmanager_receive",
        request={"application/json": {"type": "object"}},
        responses={200: schema_of(doors.Taken)},
        examples=[OpenApiExample("delivery", value=_DELIVERY, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Take a delivery of version 4: alerts whose labels `instance` or `app` name something in
        the inventory become evidence, which may only propose; resolved ones end it."""
        return _took(request, doors.alerts_take)


def _took(request: Request, take: Callable[..., doors.Taken]) -> Response:
    user, now = request.user, timezone.now()
    account = doors.account_of(user.get_username(), str(user.pk))
    try:
        given = request.data
    except ParseError as error:
        doors.quota_take(account)
        doors.malformed_count(account, str(error.detail), now=now)
        raise Invalid(str(error.detail), code="malformed") from None
    return answer(take(given, account=account, now=now))
