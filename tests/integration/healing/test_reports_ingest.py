"""Reports become evidence once, and evidence becomes one anomaly per fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshconsole.audit.models import AuditEntry
from meshconsole.healing import models
from meshconsole.healing.evidence.claims import Message
from meshconsole.healing.evidence.witnesses import reporter_words, service_words, witnesses
from meshconsole.healing.models import Anomaly, AnomalyReport, HealingCase, Quarantine
from meshconsole.healing.services import (
    anomalies_lapse,
    anomalies_publish,
    evidence_prune,
    messages_ingest,
    reports_ingest,
)
from meshconsole.live.models import LiveEvent
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport as Report, AnomalySample, Peers, Subject
from tests.factories import an_ejection, an_instance

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _estate() -> None:
    for number in (1, 2, 3):
        an_instance(f"gateway-{number}", application="gateway")
    an_instance("order-1", group="Group_2", address="10.0.0.7:80")
    an_instance("stock-1", application="stock")


def reporter(instance: str = "gateway-1") -> InstanceIdentity:
    return InstanceIdentity(
        trust_domain="mesh.local", unit="unit1", app="gateway", instance=instance
    )


def a_report(id: str = "e1", *, at: float = 0.0, **fields: Any) -> Report:
    """A failing report whose window ends `at` seconds after NOW."""
    given: dict[str, Any] = {
        "id": id,
        "subject": Subject(instance="order-1", address="1.2.3.4:5", app="order", unit="forged"),
        "phase": "failing",
        "rule": "connect",
        "window_start": NOW.timestamp() + at - 1,
        "window_end": NOW.timestamp() + at,
        "n": 20,
        "errors": {"connect": 5},
        "interfaces": ("POST /order",),
        "samples": (AnomalySample(error="connect", detail="refused", trace_id="t1"),),
    }
    return Report(**(given | fields))


def ingest(
    *events: Report, by: str = "gateway-1", seq: int = 1, after: float = 0.0, boot: str = "b1"
) -> int:
    return reports_ingest(
        reporter=reporter(by),
        boot_id=boot,
        seq=seq,
        events=events,
        now=NOW + timedelta(seconds=after),
    )


def the_anomaly() -> Anomaly:
    return Anomaly.objects.get()


def live() -> list[tuple[str, str]]:
    return list(LiveEvent.objects.filter(topic="anomalies").values_list("kind", "data__state"))


def test_a_failing_report_is_kept_and_opens_an_anomaly() -> None:
    assert ingest(a_report()) == 1
    kept = AnomalyReport.objects.get()
    assert (kept.subject_unit, kept.subject_group, kept.subject_address) == (
        "unit1", "Group_2", "10.0.0.7:80",
    )  # fmt: skip
    assert (kept.n, kept.errors, kept.interfaces) == (20, {"connect": 5}, ["POST /order"])
    assert kept.samples[0]["trace_id"] == "t1"
    anomaly = the_anomaly()
    assert kept.anomaly == anomaly
    assert (anomaly.state, anomaly.reporter_count, anomaly.report_count) == ("open", 1, 1)
    assert anomaly.due_at == NOW + timedelta(seconds=60)
    assert live() == [("opened", "open")]
    assert AuditEntry.objects.filter(verb="anomaly_opened").count() == 1


def test_a_report_that_comes_again_changes_nothing() -> None:
    assert ingest(a_report()) == 1
    assert ingest(a_report(), seq=1) == 0
    assert ingest(a_report(), a_report(), seq=9, boot="after-restart") == 0
    assert AnomalyReport.objects.count() == 1
    assert the_anomaly().errors_total == 5


def test_many_reporters_of_one_fault_are_one_anomaly() -> None:
    for number in (1, 2, 3):
        ingest(a_report(f"e{number}"), by=f"gateway-{number}")
    ingest(a_report("e4"), by="gateway-1", seq=2)
    anomaly = the_anomaly()
    assert (anomaly.reporter_count, anomaly.report_count, anomaly.errors_total) == (3, 4, 20)
    assert models.Testimony.objects.get(reporter_instance="gateway-1").errors == {"connect": 10}


def test_another_instance_or_family_of_rules_is_another_anomaly() -> None:
    stock = Subject(instance="stock-1", address="", app="stock", unit="unit1")
    ingest(a_report("e1"), a_report("e2", rule="latency"), a_report("e3", subject=stock))
    assert Anomaly.objects.count() == 3


def test_rules_that_notice_the_same_fault_are_one_anomaly() -> None:
    ingest(a_report("e1", rule="consecutive"), a_report("e2", rule="error_rate", at=1), after=1)
    ingest(a_report("e3", rule="5xx", at=0.5), by="gateway-2", after=1)
    anomaly = the_anomaly()
    assert (anomaly.family, anomaly.rule, anomaly.report_count) == ("errors", "error_rate", 3)
    ingest(a_report("e4", rule="error_rate", phase="recovered", at=9), after=9)
    ingest(a_report("e5", rule="5xx", phase="recovered", at=9), by="gateway-2", after=9)
    assert the_anomaly().state == "recovered"


def test_a_fault_of_the_service_or_the_reporter_is_no_evidence_against_the_instance() -> None:
    ingest(a_report("e1", rule="service", scope="service"))
    ingest(a_report("e2", rule="reporter", scope="reporter"), by="gateway-2")
    assert [str(each) for each in Anomaly.objects.order_by("id")] == [
        "service:order/errors", "reporter:gateway-2/errors",
    ]  # fmt: skip
    assert not witnesses("order-1", now=NOW)
    assert not HealingCase.objects.exists()
    assert [each.reporter_instance for each in service_words("order")] == ["gateway-1"]
    assert [each.reporter_instance for each in reporter_words("gateway-2")] == ["gateway-2"]
    ingest(a_report("e3", rule="service", scope="service", phase="recovered", at=5), after=5)
    assert not service_words("order")


def test_the_figures_of_a_test_are_kept_with_the_report() -> None:
    ingest(
        a_report(
            rule="error_rate",
            rate=0.5,
            lcb=0.31,
            peers=Peers(count=3, median=0.01, pooled=float("nan")),
            ejection=an_ejection(),
        )
    )
    kept = AnomalyReport.objects.get()
    assert (kept.rate, kept.lcb) == (0.5, 0.31)
    assert kept.peers == {"count": 3, "median": 0.01, "pooled": 0.0}
    assert (kept.ejection or {})["mode"] == "eject"
    said = models.Testimony.objects.get()
    assert (said.rule, said.rate, said.attempts) == ("error_rate", 0.5, 20)


def test_it_recovers_when_the_last_who_saw_it_fail_says_so() -> None:
    ingest(a_report("e1"), by="gateway-1")
    ingest(a_report("e2"), by="gateway-2")
    ingest(a_report("e3", phase="recovered", at=5), by="gateway-1", after=5)
    assert the_anomaly().state == "open"
    ingest(a_report("e4", phase="recovered", at=6), by="gateway-2", after=6)
    anomaly = the_anomaly()
    assert (anomaly.state, anomaly.due_at) == ("recovered", None)
    assert anomaly.closed_at == NOW + timedelta(seconds=6)
    assert live()[-1] == ("recovery_reported", "recovered")


def test_reports_in_another_order_come_to_the_same_end() -> None:
    ingest(a_report("e2", phase="failing", at=2), after=3)
    ingest(a_report("e3", phase="recovered", at=3), after=3)
    assert ingest(a_report("e1", at=1), seq=1, after=4) == 1
    anomaly = the_anomaly()
    assert (anomaly.state, anomaly.report_count) == ("recovered", 3)


def test_a_recovery_that_overtook_its_failure_does_not_close_a_newer_one() -> None:
    ingest(a_report("e3", at=9), after=9)
    ingest(a_report("e2", phase="recovered", at=3), after=9)
    assert the_anomaly().state == "open"


def test_one_message_may_hold_the_fault_and_its_end() -> None:
    assert ingest(a_report("e2", phase="recovered", at=2), a_report("e1", at=1), after=2) == 2
    assert the_anomaly().state == "recovered"


def test_a_fault_that_comes_back_is_another_anomaly() -> None:
    ingest(a_report("e1"))
    ingest(a_report("e2", phase="recovered", at=5), after=5)
    ingest(a_report("e3", at=9), after=9)
    assert list(Anomaly.objects.order_by("id").values_list("state", flat=True)) == [
        "recovered", "open",
    ]  # fmt: skip


def test_recovery_of_what_nobody_reported_is_only_evidence() -> None:
    assert ingest(a_report(phase="recovered")) == 1
    assert not Anomaly.objects.exists()
    assert AnomalyReport.objects.get().anomaly is None


def test_silence_lets_it_lapse_and_only_once() -> None:
    ingest(a_report("e1"))
    assert anomalies_lapse(now=NOW + timedelta(seconds=59)) == 0
    ingest(a_report("e2", at=30), after=30)
    assert anomalies_lapse(now=NOW + timedelta(seconds=61)) == 0
    assert anomalies_lapse(now=NOW + timedelta(seconds=90)) == 1
    assert anomalies_lapse(now=NOW + timedelta(seconds=90)) == 0
    assert the_anomaly().state == "lapsed"
    assert live()[-1] == ("fell_silent", "lapsed")


def test_browsers_hear_of_one_anomaly_once_a_second_and_of_its_last_figures() -> None:
    ingest(a_report("e1"))
    for number in range(2, 12):
        ingest(a_report(f"e{number}", at=number / 100), seq=number, after=number / 100)
    assert live() == [("opened", "open")]
    assert anomalies_publish(now=NOW + timedelta(seconds=0.5)) == 0
    assert anomalies_publish(now=NOW + timedelta(seconds=1.2)) == 1
    assert anomalies_publish(now=NOW + timedelta(seconds=3)) == 0
    assert live() == [("opened", "open"), ("changed", "open")]
    told = LiveEvent.objects.order_by("-id").values_list("data__report_count", flat=True)[0]
    assert told == 11


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"subject": Subject(instance="nobody", address="", app="order", unit="u")},
         "subject_unknown"),
        ({"subject": Subject(instance="order-1", address="", app="stock", unit="u")},
         "subject_differs"),
        ({"subject": Subject(instance="gateway-1", address="", app="gateway", unit="u")},
         "subject_self"),
        ({"subject": Subject(instance="\ud800", address="", app="order", unit="u")}, "subject"),
        ({"rule": "<script>alert(1)</script>"}, "rule"),
        ({"rule": "made-up-17"}, "rule"),
        ({"rule": "alert"}, "rule"),
        ({"rule": "service"}, "scope"),
        ({"scope": "mesh"}, "scope"),
        ({"id": ""}, "id"),
        ({"id": "x" * 129}, "id"),
        ({"id": "a\x00b"}, "id"),
        ({"window_end": float("nan")}, "window"),
        ({"window_end": float("inf")}, "window"),
        ({"window_start": 5e12, "window_end": 6e12}, "window"),
        ({"window_start": NOW.timestamp() + 5}, "window"),
        ({"n": -1}, "counts"),
        ({"n": 10**30}, "counts"),
        ({"errors": {"connect": -5}}, "counts"),
    ],
)  # fmt: skip
def test_what_cannot_be_believed_is_counted_under_its_reason(
    fields: dict[str, Any], reason: str
) -> None:
    assert ingest(a_report("e0"), a_report(**({"id": "e1"} | fields))) == 1
    assert ingest(a_report(**({"id": "e1"} | fields)), seq=2) == 0
    quarantined = Quarantine.objects.get()
    assert (quarantined.reason, quarantined.report_count) == (reason, 2)
    assert quarantined.reporter_instance == "gateway-1"


def test_a_reporter_that_inventory_does_not_know_is_not_believed() -> None:
    assert ingest(a_report(), by="stranger-1") == 0
    assert Quarantine.objects.get().reason == "reporter_unknown"


def test_poisoned_texts_are_kept_without_their_poison() -> None:
    samples = tuple(
        AnomalySample(error="connect", detail="\ud800\x00<script>" + "x" * 999) for _ in range(9)
    )
    assert (
        ingest(
            a_report(samples=samples, interfaces=("GET /\x1b[31m",) * 99, digest="<script>"),
            boot="b\x00" + "b" * 99,
        )
        == 1
    )
    kept = AnomalyReport.objects.get()
    kept.refresh_from_db()
    assert len(kept.samples) == 5
    assert kept.samples[0]["detail"].startswith("??<script>x")
    assert len(kept.samples[0]["detail"]) == 300
    assert kept.interfaces == ["GET /?[31m"] * 10
    assert (kept.digest, len(kept.boot_id)) == ("", 64)


def test_samples_with_impossible_times_are_kept_without_them() -> None:
    ingest(a_report(samples=(AnomalySample(error="timeout", elapsed_seconds=float("nan")),)))
    assert AnomalyReport.objects.get().samples[0]["elapsed_seconds"] == 0.0


def test_evidence_is_never_changed() -> None:
    ingest(a_report())
    kept = AnomalyReport.objects.get()
    kept.rule = "other"
    with pytest.raises(TypeError, match="evidence"):
        kept.save()


def test_old_evidence_is_forgotten_and_open_anomalies_stay() -> None:
    ingest(a_report("e1"))
    stock = Subject(instance="stock-1", address="", app="stock", unit="unit1")
    ingest(a_report("e2", subject=stock))
    ingest(a_report("e3", subject=stock, phase="recovered", at=1), after=1)
    assert evidence_prune(now=NOW + timedelta(days=6)) == 0
    evidence_prune(now=NOW + timedelta(days=8))
    assert (AnomalyReport.objects.count(), Anomaly.objects.count()) == (0, 2)
    evidence_prune(now=NOW + timedelta(days=40))
    assert the_anomaly().state == "open"


def test_what_many_sidecars_sent_is_taken_in_the_same_few_queries(
    django_assert_max_num_queries: Any,
) -> None:
    messages = []
    for number in range(60):
        an_instance(f"web-{number}", application="web")
        identity = InstanceIdentity(
            trust_domain="mesh.local", unit="unit1", app="web", instance=f"web-{number}"
        )
        event = a_report(f"m{number}", at=number / 100)
        messages.append(Message(reporter=identity, boot_id="b", seq=1, events=[event]))
    with django_assert_max_num_queries(30):
        assert messages_ingest([*messages, *messages], now=NOW) == 60
    anomaly = the_anomaly()
    assert (anomaly.reporter_count, anomaly.report_count, anomaly.errors_total) == (60, 60, 300)
    assert live() == [("opened", "open")]
    back = [
        Message(
            reporter=message.reporter,
            boot_id="b",
            seq=2,
            events=[a_report(f"r{at}", phase="recovered", at=2)],
        )
        for at, message in enumerate(messages)
    ]
    messages_ingest(back[1:], now=NOW + timedelta(seconds=2))
    assert the_anomaly().state == "open"
    messages_ingest(back[:1], now=NOW + timedelta(seconds=2))
    assert the_anomaly().state == "recovered"
