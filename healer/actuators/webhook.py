"""A service of one's own that carries orders out: signed requests, once per key.

`POST url` gives an order, `GET url?key=...&fence=...` asks for one. Both carry `mesh-timestamp` and
`mesh-signature: v1=<hex>`, the HMAC-SHA-256 over `timestamp.method.target.` and the body, where the
target is path and query. The receiver refuses timestamps more than five minutes off, does a key
once, and answers `{"key", "state", "detail"}` with optional `effects` and `replacement`; with
409 and `"problem": "stale_fence"` when it has seen a higher fence for that instance.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Literal
from urllib.parse import urlencode

import msgspec

from healer.actuators.names import order_check
from healer.actuators.protocol import (
    Action,
    ActuatorError,
    AmbiguousResult,
    Check,
    Finding,
    NotNow,
    Order,
    PlanText,
    Refused,
    StaleFence,
    Status,
    finding,
)
from healer.actuators.surroundings import Surroundings
from healer.actuators.web import Reply, web_at
from meshconsole.healing.guards.actuator_settings import WebhookSettings

SECRET_CHARACTERS = 16
_TYPE = "io.meshconsole.order.v1"
_LATER_SECONDS = 10.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver answers."""

    key: str
    state: Literal["unknown", "running", "done", "failed"] = "unknown"
    detail: str = ""
    effects: int | None = None
    replacement: Literal["", "started", "requested", "needed"] = ""
    problem: str = ""


class WebhookActuator:
    """Gives orders to one URL."""

    name = "webhook"

    def __init__(self, settings: WebhookSettings, around: Surroundings) -> None:
        self._settings = settings
        self._around = around

    @property
    def actions(self) -> frozenset[Action]:
        """What the receiver is said to be able to do."""
        return frozenset(self._settings.actions)

    def plan(self, order: Order) -> PlanText:
        """The request, without its signature."""
        order_check(order, self.actions)
        what = f"{order.action.replace('_', ' ')} {order.target.instance}"
        body = msgspec.json.encode(_document(order, with_key=False)).decode()
        return PlanText(
            summary=f"Ask {self._settings.url} to {what}.",
            steps=(f"POST {self._settings.url} {body}",),
        )

    def dry_run(self, order: Order) -> Finding:
        """Ask for the key, which is not known there yet: that shows the way and the secret."""
        order_check(order, self.actions)
        try:
            status = self.status(order)
        except ActuatorError as error:
            return finding((Check("receiver", False, str(error)),))
        return finding((Check("receiver", True, f"It answers: {status.state}."),))

    def execute(self, order: Order) -> Status:
        """Give the order with its key; a receiver that knows the key tells how far it is."""
        order_check(order, self.actions)
        reply = self._called("POST", "", order, msgspec.json.encode(_document(order)))
        if reply.status >= 500 or reply.status == 408:
            if reply.status == 503 and "retry-after" in reply.headers:
                raise NotNow("The webhook's receiver is busy.", _retry_seconds(reply))
            raise AmbiguousResult(
                f"The webhook's receiver failed with status {reply.status}: ask for the status of "
                f"{order.key}."
            )
        told = _told(reply)
        if reply.status < 300 and (told is None or told.key != order.key):
            raise AmbiguousResult(
                "The webhook's receiver took the order and does not answer with its key and state."
            )
        return self._status(order, reply)

    def status(self, order: Order) -> Status:
        """Ask for the key."""
        order_check(order, self.actions)
        query = urlencode({"key": order.key, "fence": order.fence})
        reply = self._called("GET", f"?{query}", order)
        if reply.status >= 500 or reply.status == 408:
            raise NotNow(f"The webhook's receiver failed with status {reply.status}.")
        return self._status(order, reply)

    def _called(self, method: str, query: str, order: Order, body: bytes = b"") -> Reply:
        settings, around = self._settings, self._around
        secret = around.secret(settings.secret)
        if len(secret) < SECRET_CHARACTERS:
            raise Refused(
                f"The webhook's secret is short: write {SECRET_CHARACTERS} characters or more."
            )
        path = "/" + settings.url.split("://", 1)[1].partition("/")[2]
        ca = around.secret_path(settings.ca) if settings.ca else None
        web = web_at("The webhook's receiver", settings.url, around, ca=ca)
        stamp = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "idempotency-key": order.key,
            "mesh-timestamp": stamp,
            "mesh-signature": f"v1={signature(secret, stamp, method, path + query, body)}",
        }
        return web.call(
            method, path + query, seconds=order.deadline_seconds, headers=headers, content=body
        )

    def _status(self, order: Order, reply: Reply) -> Status:
        told = _told(reply)
        if reply.status == 429:
            raise NotNow("The webhook's receiver asks for patience.", _retry_seconds(reply))
        if reply.status == 409 and told and told.problem == "stale_fence":
            raise StaleFence(told.detail or "The receiver has seen a higher fence.")
        is_known = told is not None and told.key == order.key
        if told is None or not is_known or (reply.status >= 300 and reply.status != 404):
            detail = told.detail[:300] if told and told.detail else f"status {reply.status}"
            raise Refused(f"The webhook's receiver does not take this: {detail}.")
        return Status(
            state=told.state,
            detail=told.detail[:500] or f"The receiver says {told.state}.",
            effects=told.effects,
            replacement=_replacement(order, told),
        )


def signature(secret: str, stamp: str, method: str, target: str, body: bytes) -> str:
    """HMAC-SHA-256 in hex over `timestamp.method.target.` and the body."""
    message = f"{stamp}.{method}.{target}.".encode() + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _document(order: Order, *, with_key: bool = True) -> dict[str, object]:
    target = order.target
    document: dict[str, object] = {
        "type": _TYPE,
        "action": order.action,
        "instance": target.instance,
        "app": target.app,
        "unit": target.unit,
        "address": target.address,
    }
    return document | ({"key": order.key, "fence": order.fence} if with_key else {})


def _told(reply: Reply) -> Told | None:
    try:
        return msgspec.json.decode(reply.body, type=Told)
    except msgspec.DecodeError:
        return None


def _replacement(order: Order, told: Told) -> Literal["", "started", "requested", "needed"]:
    if order.action != "remove" or told.state != "done":
        return ""
    return told.replacement or "needed"


def _retry_seconds(reply: Reply) -> float:
    text = reply.headers.get("retry-after", "")
    return min(300.0, float(text)) if text.isdigit() else _LATER_SECONDS
