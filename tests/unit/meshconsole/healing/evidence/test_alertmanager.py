"""What an alert is about, and when it is the same one again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshconsole.healing.evidence.alertmanager import (
    ALERTS_LIMIT,
    Delivery,
    delivery_read,
    report_of,
    reporter_of,
)
from meshconsole.healing.evidence.cloudevents import Fault
from proxy.contract.reports import AnomalyReport, Subject

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORDER = Subject(instance="order-1", address="10.0.0.7:80", app="order", unit="unit1")


def an_alert(**fields: Any) -> dict[str, Any]:
    given = {
        "status": "firing",
        "labels": {"alertname": "HighErrorRate", "instance": "10.0.0.7:80", "app": "order"},
        "annotations": {},
        "startsAt": "2026-01-02T03:00:00.5Z",
        "fingerprint": "c0ffee",
    }
    return given | fields


def read(*alerts: dict[str, Any], **fields: Any) -> Delivery | Fault:
    return delivery_read({"version": "4", "alerts": list(alerts)} | fields)


def reported(at: datetime = NOW, **fields: Any) -> AnomalyReport | Fault:
    delivery = read(an_alert(**fields))
    assert isinstance(delivery, Delivery)
    return report_of(delivery.alerts[0], lambda instance, app: ORDER, account="api:a", now=at)


def test_a_firing_alert_fails_from_its_start_until_now() -> None:
    report = reported()
    assert isinstance(report, AnomalyReport)
    assert (report.phase, report.rule, report.scope) == ("failing", "alert", "instance")
    assert report.window_start == datetime(2026, 1, 2, 3, 0, 0, 500000, UTC).timestamp()
    assert report.window_end == NOW.timestamp()


def test_one_that_begins_in_the_future_begins_now() -> None:
    report = reported(startsAt="2026-01-02T09:00:00Z")
    assert isinstance(report, AnomalyReport)
    assert report.window_start == report.window_end == NOW.timestamp()


def test_a_delivery_that_is_tried_again_is_the_same_and_a_repeat_is_not() -> None:
    def id_at(seconds: float, **fields: Any) -> str:
        report = reported(NOW + timedelta(seconds=seconds), **fields)
        assert isinstance(report, AnomalyReport)
        return report.id

    assert id_at(0) == id_at(30)
    assert id_at(0) != id_at(4 * 3600)
    assert id_at(0) != id_at(0, status="resolved")
    assert id_at(0) != id_at(0, fingerprint="other")


def test_labels_that_name_nothing_are_a_fault() -> None:
    delivery = read(an_alert(labels={}))
    assert isinstance(delivery, Delivery)
    fault = report_of(delivery.alerts[0], lambda instance, app: None, account="a", now=NOW)
    assert isinstance(fault, Fault)
    assert fault.code == "alert_unmapped"


def test_a_status_of_another_kind_is_a_fault() -> None:
    assert isinstance(reported(status="pending"), Fault)


def test_a_fingerprint_makes_a_name_of_letters_only() -> None:
    delivery = read(an_alert(fingerprint="<b>\u00e9" + "a" * 99))
    assert isinstance(delivery, Delivery)
    assert reporter_of(delivery.alerts[0]) == "alert:b" + "a" * 28


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"version": "4"},
        {"version": "3", "alerts": []},
        {"version": "4", "alerts": [{}]},
        {"version": "4", "alerts": [an_alert()] * (ALERTS_LIMIT + 1)},
    ],
)
def test_what_is_no_delivery_is_a_fault(body: object) -> None:
    assert isinstance(delivery_read(body), Fault)
