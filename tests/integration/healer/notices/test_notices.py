"""Notices from a case's timeline to real servers: once each, tried again, all on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from healer.notices.sending import notices_send
from healer.notices.words import signature_of
from meshconsole.audit.models import AuditEntry
from meshconsole.core.errors import Invalid, NotFound
from meshconsole.healing.approvals.votes import approval_vote
from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.cases.services import entry_add
from meshconsole.healing.notices import channels
from meshconsole.healing.notices.models import Notice, NoticeChannel
from meshconsole.healing.notices.services import (
    notice_failed,
    notice_test,
    notices_claim,
    notices_make,
    notices_prune,
)
from tests.harness.approvals import an_approval
from tests.harness.receivers import Receiver, mail_server, receiving

if TYPE_CHECKING:
    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db
KEY = "a key of many characters"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def outside(settings: Settings) -> None:
    """Servers on loopback may be called, and people reach the console somewhere."""
    settings.MESH_NOTICE_NETWORKS = ["127.0.0.0/8"]
    settings.MESH_PUBLIC_URL = "https://mesh.example.com"
    settings.MESH_SMTP_FROM = "mesh@example.com"
    settings.MESH_SMTP_TLS = "none"


def a_channel(kind: str = "webhook", target: str = "", **given: Any) -> NoticeChannel:
    wish = channels.Wish(name=given.pop("name", kind), kind=kind, target=target, **given)
    return channels.channel_set(wish, reason="Agreed.", actor="admin", now=NOW)


def hook(server: Receiver, **given: Any) -> NoticeChannel:
    return a_channel(target=f"http://127.0.0.1:{server.port}/in", secret=KEY, **given)


def asked(now: datetime) -> Approval:
    """An approval as it is told of: its case has a line that nobody was told of."""
    approval = an_approval(now=now)
    entry_add(approval.case, "approval_needed", actor="healer", reason="33% of capacity.", now=now)
    return approval


def send(now: datetime) -> int:
    return notices_send(now, run=lambda act: act())


def test_a_line_is_told_once_to_every_channel_of_its_application() -> None:
    a_channel("email", "ann@example.com")
    a_channel("email", "bob@example.com", name="off", is_enabled=False)
    approval = asked(NOW)
    entry_add(approval.case, "cooled_down", actor="healer", reason="x", now=NOW)
    assert notices_make(now=NOW) == 1
    assert notices_make(now=NOW) == 0
    notice = Notice.objects.get()
    assert (notice.kind, notice.approval, notice.state) == ("approval_needed", approval, "pending")
    assert notice.subject == "order-1 waits for your approval"


def test_a_webhook_gets_signed_json_and_no_link_that_decides() -> None:
    now = timezone.now()
    with receiving() as server:
        hook(server)
        approval = asked(now)
        notices_make(now=now)
        assert send(now) == 1
        assert send(now) == 0
    (request,) = server.requests
    said = json.loads(request.body)
    assert said["data"]["approval"] == approval.pk
    assert said["links"] == {"page": f"https://mesh.example.com/approvals/{approval.pk}/"}
    stamp = int(request.headers["X-Mesh-Timestamp"])
    assert request.headers["X-Mesh-Signature"] == signature_of(KEY, stamp, request.body)
    notice = Notice.objects.get()
    assert (notice.state, notice.attempts, notice.last_error) == ("sent", 1, "")


def test_who_reads_alone_gets_a_link_that_decides_once(approver: User, client: Client) -> None:
    now = timezone.now()
    with receiving() as server:
        a_channel("slack", f"http://127.0.0.1:{server.port}/T/B/secret", recipient="approver")
        approval = asked(now)
        notices_make(now=now)
        send(now)
    (request,) = server.requests
    buttons = json.loads(request.body)["blocks"][-1]["elements"]
    path = urlsplit(buttons[0]["url"]).path
    assert client.get(path).status_code == 200
    form = {
        "decision": "approve",
        "version": "1",
        "plan_hash": approval.plan_hash,
        "reason": "Seen.",
    }
    assert client.post(path, form).status_code == 200
    assert client.post(path, form).status_code == 410
    assert approval.votes.get().user == "approver"


def test_a_mail_goes_out_by_the_server_of_the_settings(settings: Settings) -> None:
    now = timezone.now()
    with mail_server() as box:
        settings.MESH_SMTP_HOST, settings.MESH_SMTP_PORT = "127.0.0.1", box.port
        a_channel("email", "ann@example.com")
        asked(now)
        notices_make(now=now)
        send(now)
    assert b"order-1 waits for your approval" in box.mails[0]


def test_what_fails_is_tried_again_later_and_given_up_at_last() -> None:
    a_channel("email", "ann@example.com")
    asked(NOW)
    notices_make(now=NOW)
    now, waits = NOW, []
    while claimed := notices_claim(now=now, limit=5):
        (notice,) = claimed
        assert notice_failed(notice, "Not now.", now=now, is_final=False)
        if notice.next_at is None:
            break
        assert notices_claim(now=notice.next_at - timedelta(seconds=1), limit=5) == []
        waits.append((notice.next_at - now).total_seconds())
        now = notice.next_at
    assert waits == [10, 30, 120, 600, 1800]
    kept = Notice.objects.get()
    assert (kept.state, kept.attempts, kept.last_error) == ("failed", 6, "Not now.")
    assert notices_prune(now=NOW + timedelta(days=29)) == 0
    assert notices_prune(now=NOW + timedelta(days=31)) == 1


def test_a_server_that_fails_leaves_its_answer_in_the_log() -> None:
    now = timezone.now()
    with receiving() as server:
        server.status = 503
        hook(server)
        asked(now)
        notices_make(now=now)
        assert send(now) == 1
        assert send(now) == 0
    notice = Notice.objects.get()
    assert (notice.state, notice.last_error) == ("pending", "127.0.0.1 answered 503.")


def test_what_cannot_help_is_not_tried_again() -> None:
    now = timezone.now()
    with receiving() as server:
        server.status = 404
        hook(server)
        asked(now)
        notices_make(now=now)
        send(now)
    assert Notice.objects.get().state == "failed"


def test_what_was_decided_in_the_meantime_asks_nobody() -> None:
    now = timezone.now()
    with receiving() as server:
        hook(server)
        approval = asked(now)
        notices_make(now=now)
        approval_vote(pk=approval.pk, user="bob", decision="reject", reason="No.", now=now)
        send(now)
        assert server.requests == []
    notice = Notice.objects.get()
    assert (notice.state, notice.last_error) == ("failed", "What it asks is decided or over.")


def test_whoever_claimed_and_died_leaves_it_to_be_claimed_again() -> None:
    now = timezone.now()
    with receiving() as server:
        hook(server)
        asked(now)
        notices_make(now=now)
        assert len(notices_claim(now=now, limit=5)) == 1
        assert notices_claim(now=now, limit=5) == []
        assert send(now + timedelta(seconds=59)) == 0
        assert send(now + timedelta(seconds=60)) == 1
    assert len(server.requests) == 1
    assert Notice.objects.get().attempts == 2


def test_a_test_goes_through_a_channel_that_is_off() -> None:
    now = timezone.now()
    with receiving() as server:
        channel = hook(server, is_enabled=False)
        notice_test(pk=channel.pk, actor="admin", now=now)
        send(now)
    assert json.loads(server.requests[0].body)["type"] == "io.meshconsole.healing.test.v1"
    with pytest.raises(NotFound):
        notice_test(pk=0, actor="admin", now=now)


def test_addresses_and_keys_are_sealed_kept_and_written_nowhere() -> None:
    with receiving() as server:
        channel = hook(server)
        url = f"http://127.0.0.1:{server.port}/T/B/path"
        slack = a_channel("slack", url)
    assert KEY.encode() not in bytes(channel.sealed)
    held = channels.channel_secret(channel)
    assert (held.key, held.url) == (KEY, f"http://127.0.0.1:{server.port}/in")
    assert (slack.target, channels.channel_secret(slack).url) == ("127.0.0.1", url)
    kept = channels.channel_set(
        channels.Wish(name="webhook", kind="webhook"),
        reason="Again.",
        actor="admin",
        now=NOW,
        pk=channel.pk,
    )
    assert channels.channel_secret(kept) == held
    written = json.dumps(list(AuditEntry.objects.values("before", "after", "reason")))
    assert KEY not in written
    assert "/T/B/path" not in written


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("pager", {}, "There is no kind"),
        ("email", {"target": "nobody"}, "no mail address"),
        ("email", {"target": "a@b.com\nBcc: c@d.com"}, "no mail address"),
        ("webhook", {"target": "http://10.0.0.1/", "secret": KEY}, "https://"),
        ("webhook", {"target": "https://hooks.example.com/"}, "Give a key"),
        ("webhook", {"target": "https://hooks.example.com/", "secret": "short"}, "16 to 1000"),
        ("slack", {}, "Give the address"),
        ("email", {"target": "a@b.com", "recipient": "nobody"}, "no account that may approve"),
        ("email", {"target": "a@b.com", "application": "nothing"}, "no application"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(kind: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        a_channel(kind, name="x", **given)
    assert NoticeChannel.objects.count() == 0


def test_a_link_goes_to_nobody_who_asked_for_the_plan(person: Callable[[str], User]) -> None:
    now = timezone.now()
    person("approver")
    with receiving() as server:
        hook(server, recipient="approver")
        approval = asked(now)
        Approval.objects.update(requested_by="approver")
        notices_make(now=now)
        send(now)
    assert json.loads(server.requests[0].body)["links"] == {
        "page": f"https://mesh.example.com/approvals/{approval.pk}/"
    }
