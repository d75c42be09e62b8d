"""A signed link shows by GET and decides by POST: once, for one account, while nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from meshconsole.healing.approvals.links import LinkOver, link_make, link_read
from meshconsole.healing.approvals.votes import approval_vote
from meshconsole.healing.cases.approval_models import Approval, ApprovalLink
from tests.harness.approvals import an_approval

pytestmark = pytest.mark.django_db
Person = Callable[[str], User]


def url_of(approval: Approval, user: User) -> str:
    token = link_make(approval, user, now=timezone.now())
    assert token is not None
    return f"/approvals/links/{token}/"


def form(approval: Approval, decision: str = "approve", **given: str) -> dict[str, str]:
    return {
        "decision": decision,
        "version": str(approval.version),
        "plan_hash": approval.plan_hash,
        "reason": "Seen.",
    } | given


def test_looking_changes_nothing_however_often(client: Client, approver: User) -> None:
    approval = an_approval(now=timezone.now())
    url = url_of(approval, approver)
    for method in (client.get, client.head, client.get):
        assert method(url).status_code == 200
    html = client.get(url).content.decode()
    assert "You decide as <strong>approver</strong>" in html
    assert "Restart the process of order-1?" in html
    assert "csrfmiddlewaretoken" in html
    approval.refresh_from_db()
    assert approval.state == "pending"
    assert ApprovalLink.objects.get().used_at is None


def test_a_post_decides_in_the_name_of_the_account_and_only_once(
    client: Client, approver: User
) -> None:
    approval = an_approval(now=timezone.now())
    url = url_of(approval, approver)
    done = client.post(url, form(approval))
    assert "You approved" in done.content.decode()
    vote = approval.votes.get()
    assert (vote.user, vote.via) == ("approver", "link")
    for answer in (client.post(url, form(approval, "reject")), client.get(url)):
        assert answer.status_code == 410
        assert "order-1" not in answer.content.decode()
    approval.refresh_from_db()
    assert approval.state == "approved"


def test_a_post_without_its_token_of_csrf_is_refused(approver: User) -> None:
    approval = an_approval(now=timezone.now())
    url = url_of(approval, approver)
    client = Client(enforce_csrf_checks=True)
    assert client.post(url, form(approval)).status_code == 403
    client.get(url)
    token = client.cookies["mesh_csrf"].value
    done = client.post(url, form(approval, csrfmiddlewaretoken=token))
    assert done.status_code == 200


def test_a_word_that_lacks_something_does_not_spend_the_link(
    client: Client, approver: User
) -> None:
    approval = an_approval(now=timezone.now(), action="remove", needed=2)
    url = url_of(approval, approver)
    for given in (
        form(approval, reason=""),
        form(approval, decision="perhaps"),
        form(approval, confirm="order-2"),
    ):
        assert client.post(url, given).status_code == 422
    assert ApprovalLink.objects.get().used_at is None
    done = client.post(url, form(approval, confirm="order-1"))
    assert "It needs one more person" in done.content.decode()


def test_a_link_is_over_when_somebody_else_decided_or_time_is_up(
    client: Client, approver: User
) -> None:
    now = timezone.now()
    approval = an_approval(now=now)
    url = url_of(approval, approver)
    approval_vote(pk=approval.pk, user="bob", decision="reject", reason="No.", now=now)
    assert client.get(url).status_code == 410
    assert client.post(url, form(approval)).status_code == 410
    later = an_approval(now=now, instance="order-2")
    token = link_make(later, approver, now=now)
    assert token is not None
    with pytest.raises(LinkOver):
        link_read(token, now=later.expires_at)
    assert link_make(later, approver, now=later.expires_at) is None


def test_nobody_gets_a_link_who_may_not_decide(person: Person) -> None:
    now = timezone.now()
    approval = an_approval(now=now, asked_by="admin")
    assert link_make(approval, person("operator"), now=now) is None
    assert link_make(approval, person("admin"), now=now) is None
    assert link_make(approval, person("approver"), now=now) is not None


def test_a_link_ends_with_the_role_and_the_account(client: Client, approver: User) -> None:
    approval = an_approval(now=timezone.now())
    url = url_of(approval, approver)
    approver.groups.clear()
    assert client.get(url).status_code == 410
    assert client.post(url, form(approval)).status_code == 410
    approver.is_active = False
    approver.save()
    assert client.get(url).status_code == 410


@pytest.mark.parametrize("change", ["", "x", "cut", "other"])
def test_a_changed_token_is_worth_nothing(client: Client, approver: User, change: str) -> None:
    now = timezone.now()
    approval = an_approval(now=now)
    token = link_make(approval, approver, now=now)
    assert token is not None
    wrong = {"": "nothing", "x": token + "x", "cut": token[:-1], "other": "x" * 2000}[change]
    assert client.get(f"/approvals/links/{wrong}/").status_code == 410
    assert approval.votes.count() == 0


def test_the_same_person_is_sent_the_same_link(approver: User) -> None:
    now = timezone.now()
    approval = an_approval(now=now)
    first = link_make(approval, approver, now=now)
    second = link_make(approval, approver, now=now + timedelta(seconds=30))
    assert ApprovalLink.objects.count() == 1
    assert link_read(str(first), now=now).link == link_read(str(second), now=now).link
