"""Sends what is due, beside the tick and never in it: a slow mail server holds nothing up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from healer.notices.mail import MailServer, mail_send
from healer.notices.outward import Undelivered, post
from healer.notices.words import (
    DELIVERY,
    SIGNATURE,
    TIMESTAMP,
    Message,
    signature_of,
    slack_of,
    text_of,
    webhook_of,
)
from meshconsole.core.addresses import networks_of
from meshconsole.core.sealing import SealBroken
from meshconsole.healing.approvals.links import link_make
from meshconsole.healing.notices.channels import channel_secret
from meshconsole.healing.notices.models import Notice
from meshconsole.healing.notices.services import (
    APPROVAL_NEEDED,
    is_moot,
    notice_failed,
    notice_sent,
    notices_claim,
)

logger = logging.getLogger(__name__)

AT_ONCE = 3
WAITING_LIMIT = 12
"""Claimed and not yet sent; the rest stays in its rows."""
Run = Callable[[Callable[[], None]], object]
_room = threading.BoundedSemaphore(WAITING_LIMIT)


def notices_send(now: datetime, run: Run | None = None) -> int:
    """Claim what is due and hand it to a few threads; returns how many."""
    free = 0
    while free < WAITING_LIMIT and _room.acquire(blocking=False):
        free += 1
    claimed = notices_claim(now=now, limit=free) if free else []
    for _ in range(free - len(claimed)):
        _room.release()
    for notice in claimed:
        (run or _threads().submit)(lambda notice=notice: _send(notice))  # type: ignore[misc]
    return len(claimed)


def notice_deliver(notice: Notice, *, now: datetime) -> None:
    """Send one notice now; raises Undelivered."""
    if is_moot(notice, now=now):
        raise Undelivered("What it asks is decided or over.", is_final=True)
    message = message_of(notice, now=now)
    channel = notice.channel
    try:
        secret = channel_secret(channel)
    except SealBroken as error:
        raise Undelivered(str(error)) from None
    if channel.kind == "email":
        mail_send(
            MailServer.configured(),
            to=channel.target,
            subject=f"[{settings.MESH_TRUST_DOMAIN}] {message.subject}",
            text=text_of(message),
            key=message.id,
        )
    elif channel.kind == "slack":
        _post(secret.url, msgspec.json.encode(slack_of(message)), {})
    else:
        body = msgspec.json.encode(webhook_of(message))
        stamp = int(now.timestamp())
        signed = {
            DELIVERY: message.id,
            TIMESTAMP: str(stamp),
            SIGNATURE: signature_of(secret.key, stamp, body),
        }
        _post(secret.url, body, signed)


def message_of(notice: Notice, *, now: datetime) -> Message:
    """What a notice says, with its links: the one that decides only where one person reads."""
    approval, base = notice.approval, settings.MESH_PUBLIC_URL.rstrip("/")
    page = link = ""
    if base and approval is not None:
        page = base + reverse("healing:approval", args=[approval.pk])
    elif base and notice.body.get("case"):
        page = base + reverse("healing:case", args=[notice.body["case"]])
    if base and approval is not None and notice.kind == APPROVAL_NEEDED:
        link = _link(notice, base, now)
    return Message(
        id=f"notice-{notice.pk}",
        kind=notice.kind,
        subject=notice.subject,
        body=notice.body,
        at=notice.body.get("at") or notice.created_at.isoformat(),
        page=page,
        link=link,
    )


def _link(notice: Notice, base: str, now: datetime) -> str:
    recipient = User.objects.filter(username=notice.channel.recipient, is_active=True).first()
    if recipient is None or notice.approval is None:
        return ""
    token = link_make(notice.approval, recipient, now=now)
    return base + reverse("healing:approval_link", args=[token]) if token else ""


def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    networks = networks_of(settings.MESH_NOTICE_NETWORKS)
    given = {"Content-Type": "application/json", "User-Agent": "meshconsole"} | headers
    post(url, body, given, networks=networks)


def _send(notice: Notice) -> None:
    """One attempt and its record, whatever happens."""
    began = time.monotonic()
    try:
        try:
            notice_deliver(notice, now=timezone.now())
        except Undelivered as error:
            notice_failed(notice, str(error), now=timezone.now(), is_final=error.is_final)
        else:
            notice_sent(notice, now=timezone.now())
    except Exception:  # the row stays claimed and is tried again when that ends
        logger.exception("notice failed", extra={"notice": notice.pk})
    finally:
        _room.release()
        took = time.monotonic() - began
        logger.debug("notice tried", extra={"notice": notice.pk, "seconds": round(took, 3)})
        if threading.current_thread() is not threading.main_thread():
            connections.close_all()


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="notices")
