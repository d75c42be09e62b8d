"""A round moves on what is due, each row once, and one step's failure stops no other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from healer import tasks, tick
from meshconsole.audit.models import AuditEntry
from meshconsole.encryption.issuance import join_token_create
from meshconsole.encryption.models import JoinToken
from meshconsole.healing.models import Anomaly
from meshconsole.live.models import LiveEvent
from meshconsole.live.publish import publish_on_commit

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def an_anomaly(number: int, due_at: datetime = NOW) -> Anomaly:
    return Anomaly.objects.create(
        subject_instance=f"order-{number}",
        subject_app="order",
        subject_unit="unit1",
        rule="connect",
        first_at=NOW,
        last_at=NOW,
        due_at=due_at,
        updated_at=NOW,
        published_at=NOW,
    )


@pytest.mark.django_db
def test_a_round_lapses_what_is_due_and_nothing_else() -> None:
    an_anomaly(1)
    an_anomaly(2, due_at=NOW + timedelta(seconds=30))
    assert tick.advance(now=NOW)["anomalies lapsed"] == 1
    assert set(Anomaly.objects.values_list("subject_instance", "state")) == {
        ("order-1", "lapsed"), ("order-2", "open"),
    }  # fmt: skip


@pytest.mark.django_db
def test_the_tasks_do_a_round_by_the_clock() -> None:
    an_anomaly(1)
    tasks.tick_once.apply()
    assert Anomaly.objects.get().state == "lapsed"
    tasks.prune_once.apply()
    assert not Anomaly.objects.exists()


def test_a_step_that_fails_is_heard_of_and_the_others_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(now: datetime) -> int:
        raise DatabaseError("locked")

    monkeypatch.setattr(tick, "ADVANCE", (("first", fails), ("second", lambda now: 3)))
    assert tick.advance(now=NOW) == {"second": 3}
    assert "step failed" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_two_healers_that_race_move_each_row_once() -> None:
    for number in range(40):
        an_anomaly(number)
    start = threading.Barrier(2, timeout=10)
    moved: list[int] = []

    def race() -> None:
        try:
            start.wait()
            moved.append(tick.advance(now=NOW)["anomalies lapsed"])
        finally:
            connections.close_all()

    racers = [threading.Thread(target=race) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(timeout=30)
    assert sum(moved) == 40
    assert AuditEntry.objects.filter(verb="fell_silent").count() == 40
    assert connection.vendor


@pytest.mark.django_db
def test_pruning_forgets_what_nobody_asks_for_any_more() -> None:
    now = timezone.now()
    join_token_create(application="order", unit="unit1", actor="ann", now=now)
    join_token_create(application="order", unit="unit1", actor="ann", now=now - timedelta(days=8))
    for age in (1, 30):
        event = publish_on_commit(topic="routes", kind="changed", ref=str(age))
        LiveEvent.objects.filter(pk=event.pk).update(at=now - timedelta(hours=age))
    publish_on_commit(topic="routes", kind="changed", ref="newest")
    moved = tick.prune(now=now)
    assert (moved["join tokens pruned"], moved["events pruned"]) == (1, 1)
    assert JoinToken.objects.count() == 1
