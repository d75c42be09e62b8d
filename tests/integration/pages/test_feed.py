"""The feed says who is to blame and who said so; what was not believed has a page of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from meshconsole.healing import models
from meshconsole.healing.evidence.claims import Message
from meshconsole.healing.services import messages_ingest
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport, Subject
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
Browser = Callable[[str], Client]


def report(by: str, count: int = 1, **fields: Any) -> None:
    """Some failing reports about order-1."""
    an_instance("order-1")
    an_instance(by, application="gateway")
    identity = InstanceIdentity(trust_domain="mesh.local", unit="unit1", app="gateway", instance=by)
    now = timezone.now()
    given: dict[str, Any] = {
        "subject": Subject(instance="order-1", address="", app="order", unit="unit1"),
        "phase": "failing",
        "rule": "error_rate",
        "window_start": now.timestamp() - 5,
        "window_end": now.timestamp(),
        "n": 10,
        "errors": {"5xx": 5},
        "rate": 0.5,
        "lcb": 0.31,
    }
    events = [
        AnomalyReport(**(given | {"id": f"{by}-{at}-{fields.get('rule', '')}"} | fields))
        for at in range(count)
    ]
    messages_ingest([Message(reporter=identity, boot_id="b", seq=1, events=events)], now=now)


def text(browser: Client, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_row_names_the_loudest_reporters_with_their_counts(browser_of: Browser) -> None:
    for number in range(1, 6):
        report(f"gateway-{number}", count=number)
    page = text(browser_of("viewer"), "/feed/rows/")
    assert "5 reporters" in page
    assert "gateway-5 <b>5</b>, gateway-4 <b>4</b>, gateway-3 <b>3</b>, …" in page
    assert "gateway-1" not in page


def test_a_fault_of_a_service_blames_no_instance(browser_of: Browser) -> None:
    report("gateway-1", scope="service", rule="service")
    browser = browser_of("viewer")
    assert "whole service" in text(browser, "/feed/rows/?scope=service")
    anomaly = models.Anomaly.objects.get()
    page = text(browser, f"/feed/{anomaly.pk}/")
    assert "none of them is blamed" in page
    assert "/instances/order-1/" not in page
    assert "whole service" in text(browser, "/applications/order/")


def test_a_reporter_that_doubts_itself_is_the_subject(browser_of: Browser) -> None:
    report("gateway-7", scope="reporter", rule="reporter")
    page = text(browser_of("viewer"), f"/feed/{models.Anomaly.objects.get().pk}/")
    assert "<h1>gateway-7</h1>" in page
    assert "it doubts itself" in page


def test_the_page_of_an_anomaly_tells_rates_and_leads_to_its_case(browser_of: Browser) -> None:
    report("gateway-1")
    page = text(browser_of("viewer"), f"/feed/{models.Anomaly.objects.get().pk}/")
    assert "50.0%" in page
    assert "at least 31.0%" in page
    assert f"/cases/{models.HealingCase.objects.get().pk}/" in page


def test_quarantine_says_who_why_how_often_and_the_last_one(browser_of: Browser) -> None:
    browser = browser_of("viewer")
    assert "Every report was believed" in text(browser, "/feed/quarantine/")
    report("gateway-1", count=2, rule="<script>alert(1)</script>")
    page = text(browser, "/feed/quarantine/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "<code>rule</code>" in page
    assert "Quarantine <b>2</b>" in text(browser, "/feed/")


def test_an_anomaly_that_is_over_stays_in_the_feed(browser_of: Browser) -> None:
    report("gateway-1")
    models.Anomaly.objects.update(
        state="lapsed", due_at=None, closed_at=timezone.now() - timedelta(seconds=5)
    )
    assert "lapsed" in text(browser_of("viewer"), "/feed/rows/?state=lapsed")
