"""Rows of ejections follow what each caller says of its own, in full or bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshconsole.healing.evidence.claims import Message
from meshconsole.healing.evidence.ejections import (
    PER_REPORTER_LIMIT,
    active_ejections,
    ejections_by,
    ejections_expire,
    service_ejections,
)
from meshconsole.healing.models import ActiveEjection, Quarantine
from meshconsole.healing.services import messages_ingest
from meshconsole.live.models import LiveEvent
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import AnomalyReport, Ejection, Subject
from tests.factories import an_ejection, an_instance

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _estate() -> None:
    for number in (1, 2):
        an_instance(f"gateway-{number}", application="gateway")
        an_instance(f"order-{number}", group="Group_2")


def say(
    ejections: Sequence[Ejection] | None,
    *events: AnomalyReport,
    by: str = "gateway-1",
    at: float = 0.0,
    after: float | None = None,
) -> None:
    """A reporter's word of `at` seconds after NOW, heard then or `after` so many seconds."""
    identity = InstanceIdentity(trust_domain="mesh.local", unit="unit1", app="gateway", instance=by)
    message = Message(
        reporter=identity,
        boot_id="b",
        seq=1,
        events=events,
        ejections=ejections,
        said_at=NOW.timestamp() + at,
    )
    messages_ingest([message], now=NOW + timedelta(seconds=at if after is None else after))


def a_report(at: float, **fields: Any) -> AnomalyReport:
    given: dict[str, Any] = {
        "id": f"r{at}",
        "subject": Subject(instance="order-1", address="", app="order", unit="unit1"),
        "phase": "failing",
        "rule": "consecutive",
        "window_start": NOW.timestamp() + at - 1,
        "window_end": NOW.timestamp() + at,
        "n": 5,
        "ejection": an_ejection(),
    }
    return AnomalyReport(**(given | fields))


def active(instance: str = "order-1", at: float = 0.0) -> list[tuple[str, str]]:
    rows = active_ejections(instance, now=NOW + timedelta(seconds=at))
    return [(row.reporter_instance, row.state) for row in rows]


def test_a_full_list_says_who_is_out_and_the_next_one_who_no_longer_is() -> None:
    say([an_ejection("order-1"), an_ejection("order-2")])
    say([an_ejection("order-1")], by="gateway-2")
    assert active("order-1") == [("gateway-1", "ejected"), ("gateway-2", "ejected")]
    say([an_ejection("order-2", state="probing")], at=15)
    assert active("order-1", 15) == [("gateway-2", "ejected")]
    assert active("order-2", 15) == [("gateway-1", "probing")]
    say([], at=30)
    assert not ejections_by("gateway-1", now=NOW + timedelta(seconds=30))
    row = service_ejections("order", now=NOW + timedelta(seconds=30)).get()
    assert (row.reporter_app, row.subject_group, row.mode) == ("gateway", "Group_2", "eject")


def test_a_report_says_it_at_once_and_its_recovery_ends_it() -> None:
    say(None, a_report(0))
    assert active() == [("gateway-1", "ejected")]
    say(None, a_report(5, phase="recovered"))
    assert active(at=5) == []


def test_saying_nothing_of_ejections_ends_none() -> None:
    say([an_ejection()])
    say(None, a_report(5, ejection=None))
    assert active(at=5) == [("gateway-1", "ejected")]


def test_who_is_silent_for_a_minute_is_not_taken_at_its_word() -> None:
    say([an_ejection()])
    say([an_ejection()], by="gateway-2", at=15)
    assert active(at=59) == [("gateway-1", "ejected"), ("gateway-2", "ejected")]
    assert active(at=60) == [("gateway-2", "ejected")]
    assert ejections_expire(now=NOW + timedelta(seconds=60)) == 1
    assert ActiveEjection.objects.get().reporter_instance == "gateway-2"


def test_an_older_word_that_comes_late_changes_nothing() -> None:
    say([an_ejection(state="probing")], at=15)
    say([an_ejection()], at=0, after=16)
    assert active(at=16) == [("gateway-1", "probing")]
    say([], at=1, after=17)
    assert active(at=17) == [("gateway-1", "probing")]


def test_ejections_of_what_inventory_does_not_have_are_not_believed() -> None:
    say(
        [
            an_ejection("nobody"),
            an_ejection("order-1", service="stock"),
            an_ejection("\ud800"),
            an_ejection("order-2", since=float("nan")),
            an_ejection("gateway-1", service="gateway"),
        ]
    )
    say([an_ejection()], by="stranger-1")
    assert not ActiveEjection.objects.exists()
    assert dict(Quarantine.objects.values_list("reason", "report_count")) == {
        "ejection_unknown": 2, "ejection": 2, "subject_self": 1, "reporter_unknown": 1,
    }  # fmt: skip


def test_a_report_cannot_eject_another_than_its_subject() -> None:
    say(None, a_report(0, ejection=an_ejection("order-2")))
    say(None, a_report(1, scope="service", rule="service"))
    assert not ActiveEjection.objects.exists()


def test_one_reporter_keeps_so_many_and_no_more() -> None:
    for number in range(PER_REPORTER_LIMIT + 5):
        an_instance(f"order-many-{number}")
    say([an_ejection(f"order-many-{number}") for number in range(PER_REPORTER_LIMIT + 5)])
    assert ActiveEjection.objects.count() == PER_REPORTER_LIMIT


def test_browsers_hear_of_a_change_and_not_of_a_renewal() -> None:
    for at in (0, 15, 30):
        say([an_ejection()], at=at)
    say([], at=45)
    told = LiveEvent.objects.filter(topic="ejections")
    assert list(told.values_list("kind", "ref")) == [("changed", "order-1")] * 2
