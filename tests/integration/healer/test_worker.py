"""The real worker: it ticks with its broker and without it, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.wait import eventually

PREPARE = """
import django
django.setup()
from django.core.management import call_command
from django.utils import timezone
call_command("migrate", verbosity=0)
from meshconsole.healing.models import Anomaly
now = timezone.now()
Anomaly.objects.create(
    subject_instance="order-1", subject_app="order", subject_unit="unit1", rule="connect",
    first_at=now, last_at=now, due_at=now, updated_at=now, published_at=now,
)
"""
Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    env = os.environ | {
        "MESH_STATE_DIR": str(tmp_path),
        "MESH_DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "meshconsole.settings",
    }
    started: list[subprocess.Popen[bytes]] = []

    def begin(redis_url: str) -> subprocess.Popen[bytes]:
        mine = env | {"MESH_REDIS_URL": redis_url}
        subprocess.run([sys.executable, "-c", PREPARE], env=mine, check=True, timeout=60)
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "healer"], env=mine, stdout=log, stderr=log
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def state(folder: Path) -> str:
    with sqlite3.connect(folder / "console.sqlite3") as database:
        (found,) = database.execute("SELECT state FROM healing_anomaly").fetchone()
    database.close()
    return str(found)


@pytest.mark.parametrize("is_broker_there", [True, False])
def test_due_rows_are_moved_on_with_or_without_the_broker(
    start: Start, mesh_redis: str, tmp_path: Path, is_broker_there: bool
) -> None:
    healer = start(mesh_redis if is_broker_there else "unix:///nowhere/redis.sock")
    eventually(lambda: state(tmp_path) == "lapsed", timeout=30, what="the anomaly lapses")
    healer.send_signal(signal.SIGTERM)
    assert healer.wait(timeout=20) == 0
    told = (tmp_path / "log").read_text()
    assert ("broker is away" in told) is not is_broker_there
