"""Ways out of the console: mailboxes, Slack, webhooks. Their secrets are sealed and never shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from meshconsole.access.permissions import can
from meshconsole.audit.services import audit_record
from meshconsole.core.addresses import host_port, networks_of, url_fault
from meshconsole.core.errors import FieldFault, Invalid, NotFound
from meshconsole.core.sealing import kek_read, seal, unseal
from meshconsole.healing.guards.services import REASON_LIMIT, check_application
from meshconsole.healing.notices.models import KINDS, NoticeChannel
from meshconsole.live.publish import publish_on_commit

SECRET_LEAST, SECRET_LIMIT = 16, 1000
CHANNELS_LIMIT = 100
NAME_LIMIT = 63


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as somebody wants it."""

    name: str
    kind: str
    target: str = ""
    """Mail address, or the whole address of a webhook, of which an empty one keeps the sealed."""
    secret: str = ""
    """The key that signs a webhook's messages; an empty one keeps what is sealed."""
    application: str = ""
    recipient: str = ""
    is_enabled: bool = True


class Sealed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What nobody is shown: whoever knows the address of a webhook may often post to it."""

    url: str = ""
    key: str = ""


def channel_set(
    wish: Wish, *, reason: str, actor: str, now: datetime, pk: int | None = None
) -> NoticeChannel:
    """Make a channel, or change the one of this number; raises Invalid and NotFound."""
    _check(wish, reason)
    with transaction.atomic():
        row = channel_locked(pk) if pk is not None else NoticeChannel(kind=wish.kind)
        if row.kind != wish.kind:
            _refuse("/kind", "A channel keeps its kind: make another one.")
        _check_name(wish.name, row.pk)
        before = shown(row) if row.pk else None
        row.name, row.application = wish.name, wish.application
        row.recipient, row.is_enabled = wish.recipient, wish.is_enabled
        row.updated_by, row.updated_at = actor[:150], now
        secret = _placed(row, wish)
        row.save()
        if secret != Sealed():
            raw = msgspec.json.encode(secret)
            row.sealed = seal(raw, kek=_kek(), context=_context(row))
            row.save(update_fields=["sealed"])
        _tell("notice_channel_set", row, actor, reason, before=before, after=shown(row))
    return row


def channel_remove(*, pk: int, reason: str, actor: str) -> None:
    """Take a channel away with its log; raises NotFound."""
    _check_reason(reason)
    with transaction.atomic():
        row = channel_locked(pk)
        _tell("notice_channel_remove", row, actor, reason, before=shown(row))
        row.delete()


def channel_locked(pk: int) -> NoticeChannel:
    """A channel, for the caller's transaction alone; raises NotFound."""
    row = NoticeChannel.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound(f"There is no channel {pk}.")
    return row


def channel_secret(row: NoticeChannel) -> Sealed:
    """What is sealed, for whoever sends. Raises SealBroken."""
    if not row.sealed:
        return Sealed()
    opened = unseal(bytes(row.sealed), kek=_kek(), context=_context(row))
    return msgspec.json.decode(opened, type=Sealed)


def shown(row: NoticeChannel) -> dict[str, Any]:
    """A channel without its secret."""
    return {
        "name": row.name,
        "kind": row.kind,
        "target": row.target,
        "has_secret": bool(row.sealed),
        "application": row.application,
        "recipient": row.recipient,
        "is_enabled": row.is_enabled,
    }


def _placed(row: NoticeChannel, wish: Wish) -> Sealed:
    """Put where everybody may read it what may be read; returns what has to be sealed."""
    if wish.kind == "email":
        row.target = wish.target
        return Sealed()
    held = channel_secret(row)
    url = wish.target or held.url
    key = (wish.secret or held.key) if wish.kind == "webhook" else ""
    if not url:
        _refuse("/target", "Give the address of the webhook.")
    if wish.kind == "webhook" and not key:
        _refuse("/secret", f"Give a key of at least {SECRET_LEAST} characters; it signs messages.")
    row.target = host_port(url)[0]
    return Sealed(url, key)


def _check(wish: Wish, reason: str) -> None:
    _check_reason(reason)
    if wish.kind not in KINDS:
        _refuse("/kind", f"There is no kind {wish.kind!r}; there are {', '.join(KINDS)}.")
    check_application(wish.application)
    _check_target(wish)
    if wish.secret and not SECRET_LEAST <= len(wish.secret) <= SECRET_LIMIT:
        _refuse("/secret", f"A key has {SECRET_LEAST} to {SECRET_LIMIT} characters.")
    if wish.recipient:
        user = User.objects.filter(username=wish.recipient, is_active=True).first()
        if user is None or not can(user, "approval_approve"):
            _refuse("/recipient", f"{wish.recipient!r} is no account that may approve.")


def _check_target(wish: Wish) -> None:
    if wish.kind == "email":
        try:
            validate_email(wish.target)
        except ValidationError:
            _refuse("/target", f"{wish.target!r} is no mail address.")
    elif wish.target:
        fault = url_fault(wish.target, networks_of(settings.MESH_NOTICE_NETWORKS))
        if fault:
            _refuse("/target", fault)


def _check_name(name: str, pk: int | None) -> None:
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        _refuse("/name", f"A channel has a name of at most {NAME_LIMIT} characters.")
    others = NoticeChannel.objects.exclude(pk=pk or 0)
    if others.filter(name=name).exists():
        _refuse("/name", f"There is a channel {name!r} already.")
    if pk is None and others.count() >= CHANNELS_LIMIT:
        _refuse("", f"There are {CHANNELS_LIMIT} channels already: take one away first.")


def _check_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > REASON_LIMIT:
        _refuse("/reason", f"Say why, in at most {REASON_LIMIT} characters.")


def _refuse(pointer: str, sentence: str) -> None:
    raise Invalid(sentence, errors=[FieldFault(pointer=pointer, detail=sentence)])


def _context(row: NoticeChannel) -> str:
    return f"meshconsole notice channel {row.pk} {row.kind}"


def _kek() -> bytes:
    return kek_read(Path(settings.MESH_KEK_FILE))


def _tell(verb: str, row: NoticeChannel, actor: str, reason: str, **change: Any) -> None:
    audit_record(
        actor=actor, verb=verb, object=f"notice-channel:{row.name}", reason=reason, **change
    )
    publish_on_commit(topic="notices", kind=verb, ref=row.name)
