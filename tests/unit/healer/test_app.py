"""The healer's broker and schedule."""

from __future__ import annotations

import pytest

from healer.app import app, broker_url
from healer.schedule import SCHEDULE


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix://:p%40ss@/run/r.sock", "redis+socket://:p%40ss@/run/r.sock?virtual_host=0"),
    ],
)
def test_the_console_s_redis_is_the_broker(url: str, expected: str) -> None:
    assert broker_url(url) == expected


def test_a_tick_that_nobody_took_is_dropped_before_the_next() -> None:
    for entry in SCHEDULE.values():
        assert entry["options"]["expires"] < entry["schedule"]


def test_every_scheduled_task_exists() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)


def test_messages_are_json_and_given_back_when_a_worker_dies() -> None:
    assert list(app.conf.accept_content) == ["json"]
    assert app.conf.task_acks_late
    assert app.conf.broker_transport_options["unacked_restore_interval"] == 5
    assert app.conf.broker_transport_options["unacked_restore_throttle"] == 1
