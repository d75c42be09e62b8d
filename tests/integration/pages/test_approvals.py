"""The queue and the page of an approval: evidence first, then two buttons, then why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from meshconsole.healing.cases.approval_models import Approval
from meshconsole.healing.evidence.ejection_models import ActiveEjection
from meshconsole.healing.models import AnomalyReport
from tests.factories import an_instance
from tests.harness.approvals import an_approval

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db
Browser = Callable[[str], "Client"]


@pytest.fixture
def asked() -> Approval:
    """A question about an instance that two callers have reported."""
    now = timezone.now()
    for number in (1, 2, 3):
        an_instance(f"order-{number}")
    for seq, reporter in enumerate(("gateway-1", "gateway-2", "gateway-1")):
        AnomalyReport.objects.create(
            event_id=f"e{seq}",
            boot_id="b",
            seq=seq,
            ordinal=0,
            reporter_instance=reporter,
            reporter_app="gateway",
            reporter_unit="unit1",
            subject_instance="order-1",
            subject_app="order",
            subject_unit="unit1",
            phase="failing",
            rule="connect",
            n=20,
            errors={"connect": 7},
            window_start=now - timedelta(seconds=60 * seq + 2),
            window_end=now - timedelta(seconds=60 * seq + 1),
            received_at=now,
        )
    return an_approval(now=now)


def test_the_queue_tells_what_waits_and_until_when(browser_of: Browser, asked: Approval) -> None:
    html = browser_of("viewer").get("/approvals/").content.decode()
    assert "Restart the process of order-1" in html
    assert "0 of 1 approved" in html
    assert "data-until" in html
    assert "Nothing was decided yet" in html


def test_the_page_shows_evidence_and_what_silence_means(
    browser_of: Browser, asked: Approval
) -> None:
    html = browser_of("approver").get(f"/approvals/{asked.pk}/").content.decode()
    for said in (
        "If nobody answers, nothing is done",
        "14 failures seen by gateway-1 in 10 minutes",
        "7 failures seen by gateway-2 in 10 minutes",
        "of 3 serve when it is out",
        "It takes 33% of the capacity",
        'data-opens="ask-approve"',
        'data-opens="ask-reject"',
    ):
        assert said in html
    assert "ask-override" not in html
    assert "ask-override" in browser_of("admin").get(f"/approvals/{asked.pk}/").content.decode()


def test_the_page_says_whom_callers_leave_out(browser_of: Browser, asked: Approval) -> None:
    now = timezone.now()
    for caller, instance, mode in (
        ("gateway-1", "order-1", "eject"),
        ("gateway-2", "order-1", "eject"),
        ("gateway-1", "order-2", "report"),
    ):
        ActiveEjection.objects.create(
            ejection_id=f"{caller}-{instance}",
            reporter_instance=caller,
            reporter_app="gateway",
            reporter_unit="unit1",
            service="order",
            subject_instance=instance,
            subject_unit="unit1",
            rule="consecutive",
            mode=mode,
            state="ejected",
            since=now,
            until=now + timedelta(seconds=30),
            said_at=now,
            renewed_at=now,
        )
    html = browser_of("viewer").get(f"/approvals/{asked.pk}/").content.decode()
    assert "by 2 callers" in html
    assert "costs no capacity that callers still use" in html
    assert "by 1 caller," not in html


def test_a_viewer_is_told_which_role_decides(browser_of: Browser, asked: Approval) -> None:
    html = browser_of("viewer").get(f"/approvals/{asked.pk}/").content.decode()
    assert "Approve: This needs the role approver; yours is viewer." in html
    assert '<dialog id="ask-approve"' not in html


def test_a_word_by_form_and_a_late_one(browser_of: Browser, asked: Approval) -> None:
    client, url = browser_of("approver"), f"/approvals/{asked.pk}/"
    form = {"version": "1", "plan_hash": asked.plan_hash, "reason": "Seen."}
    assert client.post(f"{url}approve/", form | {"reason": ""}).status_code == 422
    assert client.post(f"{url}approve/", form | {"version": "x"}).status_code == 422
    done = client.post(f"{url}approve/", form)
    assert (done.status_code, done["Location"]) == (302, url)
    late = client.post(f"{url}reject/", form, headers={"HX-Request": "true"})
    assert late.status_code == 409
    assert "It is decided already: approved." in late.content.decode()
    assert "Approved; the healer" in client.get(url).content.decode()


def test_a_form_without_the_right_role_is_refused(browser_of: Browser, asked: Approval) -> None:
    form = {"version": "1", "plan_hash": asked.plan_hash, "reason": "Seen."}
    url = f"/approvals/{asked.pk}/"
    assert browser_of("operator").post(f"{url}approve/", form).status_code == 403
    assert browser_of("approver").post(f"{url}override/", form).status_code == 403
    asked.refresh_from_db()
    assert asked.state == "pending"
