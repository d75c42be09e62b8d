"""Anomalies and evidence by REST: filtered, paged by cursor, with facets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from meshconsole.healing.services import reports_ingest
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport, Subject
from tests.factories import an_instance

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def fail(number: int, app: str = "order", unit: str = "unit1", rule: str = "connect") -> None:
    """One more failing instance, reported by the gateway."""
    an_instance("gateway-1", application="gateway")
    instance = f"{app}-{number}"
    an_instance(instance, application=app, unit=unit)
    report = AnomalyReport(
        id=f"{instance}-{rule}",
        subject=Subject(instance=instance, address="", app=app, unit=unit),
        phase="failing",
        rule=rule,
        window_start=NOW.timestamp() + number,
        window_end=NOW.timestamp() + number + 1,
        n=20,
        errors={"connect": 7},
    )
    reports_ingest(
        reporter=InstanceIdentity(
            trust_domain="mesh.local", unit="unit1", app="gateway", instance="gateway-1"
        ),
        boot_id="b1",
        seq=number,
        events=[report],
        now=NOW + timedelta(seconds=number + 1),
    )


def get(api: APIClient, path: str, **query: Any) -> Any:
    answer = api.get(f"/api/v1/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_anomalies_come_newest_first_in_pages_that_do_not_shift(api_of: Api) -> None:
    for number in range(1, 6):
        fail(number)
    api = api_of("viewer")
    first = get(api, "anomalies", page_size=2)
    fail(6)
    rest = api.get(first["next"]).json()
    seen = [row["subject_instance"] for row in first["results"] + rest["results"]]
    assert seen == ["order-5", "order-4", "order-3", "order-2"]
    assert first["results"][0]["errors_total"] == 7


def test_they_are_narrowed_by_facets_whose_counts_follow(api_of: Api) -> None:
    fail(1)
    fail(2, unit="unit2")
    fail(3, app="stock", rule="timeout")
    api = api_of("viewer")
    rows = get(api, "anomalies", application="order", unit="unit2", state="open")["results"]
    assert [row["subject_instance"] for row in rows] == ["order-2"]
    assert [row["subject_instance"] for row in get(api, "anomalies", q="stock")["results"]] == [
        "stock-3"
    ]
    facets = {
        facet["name"]: {each["value"]: each["count"] for each in facet["values"]}
        for facet in get(api, "anomalies/facets", application="order")["facets"]
    }
    assert facets == {
        "state": {"open": 2},
        "application": {"order": 2, "stock": 1},
        "unit": {"unit1": 1, "unit2": 1},
        "scope": {"instance": 2},
        "rule": {"connect": 2},
    }


def test_one_anomaly_tells_who_said_what_and_its_evidence_is_at_hand(api_of: Api) -> None:
    fail(1)
    api = api_of("viewer")
    (row,) = get(api, "anomalies")["results"]
    whole = get(api, f"anomalies/{row['id']}")
    assert whole["testimonies"][0]["reporter_instance"] == "gateway-1"
    (report,) = get(api, "anomaly-reports", anomaly=row["id"])["results"]
    assert (report["event_id"], report["reporter_instance"]) == ("order-1-connect", "gateway-1")
    assert get(api, "anomaly-reports", reporter="nobody")["results"] == []
    assert get(api, "anomaly-reports", instance="order-1", phase="failing")["results"]
    assert api.get("/api/v1/anomalies/999").status_code == 404
    assert api.get("/api/v1/anomaly-reports", {"anomaly": "x"}).status_code == 422


def test_quarantine_tells_whose_reports_were_not_believed(api_of: Api) -> None:
    fail(1)
    reports_ingest(
        reporter=InstanceIdentity(
            trust_domain="mesh.local", unit="unit1", app="gateway", instance="gateway-1"
        ),
        boot_id="b1",
        seq=9,
        events=[
            AnomalyReport(
                id="forged",
                subject=Subject(instance="nobody", address="", app="order", unit="u"),
                phase="failing",
                rule="connect",
                window_start=1.0,
                window_end=2.0,
                n=1,
            )
        ],
        now=NOW,
    )
    (row,) = get(api_of("viewer"), "anomaly-quarantine")["results"]
    assert (row["reason"], row["report_count"]) == ("subject_unknown", 1)


def test_strangers_see_nothing(api_of: Api) -> None:
    for path in ("anomalies", "anomaly-reports", "anomalies/facets", "anomaly-quarantine"):
        assert api_of("stranger").get(f"/api/v1/{path}").status_code == 403
