"""Reports from outside: kept one by one, told apart, and worth one voice for each account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from meshconsole.core.quota import Quotas
from meshconsole.healing import doors, models
from meshconsole.healing.evidence.cloudevents import TYPE
from meshconsole.healing.evidence.witnesses import witnesses
from meshconsole.healing.models import Anomaly, AnomalyReport, Quarantine
from tests.factories import an_application, an_instance

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
REPORTS, ALERTS = "/api/v1/anomaly-reports", "/api/v1/alertmanager"
BATCH = "application/cloudevents-batch+json"


@pytest.fixture(autouse=True)
def _estate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "_quotas", Quotas(rate=5.0, burst=100.0))
    an_instance("order-1", address="10.0.0.7:80")
    an_instance("order-2", address="10.0.0.8:80")
    an_instance("stock-1", application="stock", address="10.0.0.8:81")


def an_event(id: str = "e1", instance: str = "order-1", **data: Any) -> dict[str, Any]:
    now = timezone.now().timestamp()
    report = {
        "subject": {"instance": instance, "app": instance.split("-")[0]},
        "phase": "failing",
        "rule": "error_rate",
        "window_start": now - 5,
        "window_end": now,
        "n": 20,
        "errors": {"5xx": 10},
    }
    event = {"specversion": "1.0", "type": TYPE, "source": "/probe", "id": id}
    return event | {"data": report | data}


def send(api: APIClient, *events: Any, path: str = REPORTS, content_type: str = BATCH) -> Any:
    return api.post(path, json.dumps(list(events)), content_type=content_type)


def an_alert(status: str = "firing", **fields: Any) -> dict[str, Any]:
    alert = {
        "status": status,
        "labels": {"alertname": "HighErrorRate", "instance": "10.0.0.7:80"},
        "annotations": {"summary": "half fails"},
        "startsAt": "2026-01-02T03:04:05.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "c0ffee",
        "generatorURL": "http://prometheus/graph",
    }
    return alert | fields


def deliver(api: APIClient, *alerts: Any, version: str = "4") -> Any:
    body = {"version": version, "groupKey": "{}", "status": "firing", "alerts": list(alerts)}
    return api.post(ALERTS, body, format="json")


def outcomes(answer: Any) -> list[tuple[str, str]]:
    assert answer.status_code == 200, answer.content
    return [(each["status"], each["code"]) for each in answer.json()["results"]]


def test_good_events_are_kept_and_each_bad_one_is_told_why(api_of: Api) -> None:
    answer = send(
        api_of("operator"),
        an_event("e1"),
        an_event("e2") | {"type": "other"},
        an_event("e3", errors={"5xx": -1}),
        an_event("e4", instance="order-9"),
        an_event("e5", rule="service"),
        "e6",
        an_event("e1"),
    )
    assert outcomes(answer) == [
        ("stored", ""), ("refused", "type"), ("refused", "data"), ("refused", "subject_unknown"),
        ("refused", "scope"), ("refused", "event"), ("stored", ""),
    ]  # fmt: skip
    body = answer.json()
    assert body["results"][2]["pointer"] == "/2/data/errors"
    assert (body["stored"], body["refused"]) == (2, 5)
    kept = AnomalyReport.objects.get()
    assert (kept.origin, kept.reporter_instance, kept.subject_unit) == (
        "api", "api:operator", "unit1",
    )  # fmt: skip
    assert set(Quarantine.objects.values_list("reason", flat=True)) == {
        "type", "data", "subject_unknown", "scope", "event",
    }  # fmt: skip


def test_an_event_that_comes_again_is_told_so_and_changes_nothing(api_of: Api) -> None:
    api = api_of("operator")
    event = an_event()
    assert outcomes(send(api, event)) == [("stored", "")]
    assert outcomes(send(api, event)) == [("repeated", "")]
    assert outcomes(send(api, event | {"source": "/other"})) == [("stored", "")]
    assert Anomaly.objects.get().report_count == 2


def test_an_account_is_one_reporter_that_never_counts_as_a_sidecar(api_of: Api) -> None:
    for number, role in enumerate(("operator", "operator", "admin")):
        send(api_of(role), an_event(f"e{number}") | {"source": f"/instance/gateway-{number}"})
    assert Anomaly.objects.get().reporter_count == 2
    said = witnesses("order-1", now=timezone.now())
    assert {(each.reporter, each.origin) for each in said} == {
        ("api:operator", "api"), ("api:admin", "api"),
    }  # fmt: skip


def test_one_event_alone_and_plain_json_are_taken_too(api_of: Api) -> None:
    api = api_of("operator")
    one = api.post(REPORTS, json.dumps(an_event()), content_type="application/cloudevents+json")
    assert outcomes(one) == [("stored", "")]
    assert outcomes(send(api, an_event("e2"), content_type="application/json")) == [("stored", "")]
    assert api.post(REPORTS, "x", content_type="text/plain").status_code == 415


def test_a_batch_of_which_nothing_can_be_kept_is_refused_whole(api_of: Api) -> None:
    answer = send(api_of("operator"), an_event() | {"specversion": "0.3"}, {"id": "e2"})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        "/0/specversion", "/1/specversion",
    ]  # fmt: skip
    assert send(api_of("operator")).status_code == 422
    assert send(api_of("operator"), *[an_event()] * 65).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[" * 10_000 + b"]" * 10_000,
        b'[{"specversion": NaN}]',
        b'[{"id": "\\ud800"}]',
        b'[{"id": "a\\u0000b"}]',
        b"\xff\xfe",
    ],
)
def test_poison_is_refused_and_counted(api_of: Api, body: bytes) -> None:
    answer = api_of("operator").post(REPORTS, body, content_type=BATCH)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert Quarantine.objects.get().reason == "malformed"
    assert not AnomalyReport.objects.exists()


def test_script_text_stays_text(api_of: Api, browser_of: Callable[[str], Any]) -> None:
    script = "<script>alert(1)</script>"
    samples = [{"error": "5xx", "detail": script}]
    send(api_of("operator"), an_event(samples=samples, interfaces=[script]))
    send(api_of("operator"), an_event("e2", rule=script))
    anomaly = Anomaly.objects.get()
    for path in (f"/feed/{anomaly.pk}/", "/feed/"):
        assert script not in browser_of("viewer").get(path).content.decode()


def test_more_than_64_kib_are_refused(api_of: Api) -> None:
    answer = send(api_of("operator"), an_event(interfaces=["x" * 70_000]))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_over_its_quota_an_account_waits_and_another_does_not(
    api_of: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "_quotas", Quotas(rate=0.01, burst=3.0))
    api = api_of("operator")
    codes = [send(api, an_event(f"e{number}")).status_code for number in range(4)]
    assert codes == [200, 200, 429, 429]
    refused = send(api, an_event("e9"))
    assert int(refused["Retry-After"]) > 0
    assert refused["Content-Type"] == "application/problem+json"
    assert send(api_of("admin"), an_event("e9")).status_code == 200


def test_an_alert_is_evidence_about_whom_its_labels_name(api_of: Api) -> None:
    an_application("cash")
    answer = deliver(
        api_of("operator"),
        an_alert(),
        an_alert(labels={"alertname": "A", "instance": "order-2"}, fingerprint="f2"),
        an_alert(labels={"alertname": "B", "app": "cash"}, fingerprint="f3"),
        an_alert(labels={"alertname": "C", "instance": "10.0.0.7:9102"}, fingerprint="f4"),
        an_alert(labels={"alertname": "D", "instance": "10.0.0.8:9102"}, fingerprint="f5"),
        an_alert(
            labels={"alertname": "E", "instance": "10.0.0.8:9102", "app": "stock"}, fingerprint="f6"
        ),
    )
    assert outcomes(answer) == [
        ("stored", ""), ("stored", ""), ("stored", ""), ("stored", ""),
        ("refused", "alert_unmapped"), ("stored", ""),
    ]  # fmt: skip
    assert {str(each): each.reporter_count for each in Anomaly.objects.all()} == {
        "order-1/alert": 2, "order-2/alert": 1, "service:cash/alert": 1, "stock-1/alert": 1,
    }  # fmt: skip
    assert {each.origin for each in models.Testimony.objects.all()} == {"alertmanager"}
    said = AnomalyReport.objects.filter(subject_instance="order-1").first()
    assert said is not None
    assert said.samples[0]["detail"] == "HighErrorRate: half fails"


def test_resolved_alerts_end_what_they_began_and_nothing_else(api_of: Api) -> None:
    api = api_of("operator")
    deliver(api, an_alert(), an_alert(fingerprint="f2"))
    deliver(api, an_alert("resolved", endsAt="2026-01-02T03:09:05Z"))
    assert Anomaly.objects.get().state == "open"
    deliver(api, an_alert("resolved", fingerprint="f2"))
    assert Anomaly.objects.get().state == "recovered"


def test_the_same_alert_delivered_twice_counts_once(api_of: Api) -> None:
    api = api_of("operator")
    assert outcomes(deliver(api, an_alert())) == [("stored", "")]
    assert outcomes(deliver(api, an_alert())) == [("repeated", "")]
    assert Anomaly.objects.get().report_count == 1


def test_what_is_no_delivery_of_version_4_is_refused_and_counted(api_of: Api) -> None:
    api = api_of("operator")
    assert deliver(api, an_alert(), version="3").status_code == 422
    assert deliver(api, {"status": "firing"}).status_code == 422
    assert api.post(ALERTS, [], format="json").status_code == 422
    assert {each.reason for each in Quarantine.objects.all()} == {"version", "body"}


def test_only_who_may_send_reports_does(api_of: Api) -> None:
    for path in (REPORTS, ALERTS):
        assert api_of("viewer").post(path, [], format="json").status_code == 403
        assert APIClient().post(path, [], format="json").status_code == 401
