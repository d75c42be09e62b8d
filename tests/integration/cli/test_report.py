"""meshctl reports an instance and reads what became of it."""

from __future__ import annotations

import json

import pytest

from meshconsole.healing.models import Anomaly
from tests.factories import an_instance
from tests.integration.cli.test_meshctl import Run, run, signed_in

__all__ = ["run", "signed_in"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_instance_is_reported_and_read_back(signed_in: Run) -> None:
    an_instance("order-1")
    done = signed_in(
        "report", "order-1", "--rule", "timeout", "--requests", "20", "--failures", "9", "--note",
        "seen by the probe",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "stored: 1" in done.stdout
    anomaly = Anomaly.objects.get()
    assert (anomaly.rule, anomaly.errors_total) == ("timeout", 9)
    assert "order-1" in signed_in("get", "anomalies").stdout
    assert "api:operator" in signed_in("get", "anomaly-reports").stdout
    one = json.loads(signed_in("get", "anomaly", str(anomaly.pk), "-o", "json").stdout)
    assert one["testimonies"][0]["origin"] == "api"


def test_its_recovery_ends_it(signed_in: Run) -> None:
    an_instance("order-1")
    signed_in("report", "order-1")
    assert signed_in("report", "order-1", "--recovered").exit_code == 0
    assert Anomaly.objects.get().state == "recovered"


def test_what_is_not_known_is_said(signed_in: Run) -> None:
    an_instance("order-1")
    done = signed_in("report", "order-1", "--rule", "magic")
    assert done.exit_code != 0
    assert "is not a rule" in done.stderr
    assert signed_in("report", "nobody").exit_code != 0
