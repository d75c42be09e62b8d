"""What is killed comes back, and what does not depend on it goes on without losing a request."""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx
import pytest

from meshconsole.demo.launch import Launched
from meshconsole.drill.stage import Stage
from tests.harness.demo import answers, counted, in_step, process_of, restarted
from tests.harness.wait import eventually


def kill(demo: Launched, name: str) -> int:
    pid = process_of(demo, name).pid
    os.kill(pid, signal.SIGKILL)
    return pid


def anomalies(stage: Stage) -> list[dict[str, Any]]:
    found = stage.console.get("/api/v1/anomaly-reports")
    return list(found["results"])


def test_a_killed_sidecar_comes_back_and_joins_again(demo: Launched, stage: Stage) -> None:
    in_step(stage)
    pid = kill(demo, "sidecar-stock-3")
    restarted(demo, "sidecar-stock-3", pid)
    in_step(stage)
    assert "sidecar-stock-3 runs again" in demo.output


def test_an_instance_that_dies_is_an_anomaly_in_the_feed(demo: Launched, stage: Stage) -> None:
    in_step(stage)
    before = {row["id"] for row in anomalies(stage)}
    # An instance is its process and its sidecar; group 1 has the traffic.
    killed = {name: kill(demo, name) for name in ("order-1", "sidecar-order-1")}

    def reported() -> bool:
        fresh = [row for row in anomalies(stage) if row["id"] not in before]
        return any("order-1" in str(row) for row in fresh)

    eventually(reported, timeout=30, what="an anomaly names order-1")
    for name, pid in killed.items():
        restarted(demo, name, pid)
    in_step(stage)
    eventually(lambda: answers(f"{demo.demo.entrance}/browse"), timeout=30)


def test_an_application_told_to_die_comes_back(demo: Launched) -> None:
    service = next(each for each in demo.demo.services if each.instance == "order-2")
    pid = process_of(demo, "order-2").pid
    httpx.post(f"{service.control}/_control", json={"die": True}, timeout=5)
    restarted(demo, "order-2", pid)
    eventually(lambda: answers(f"{service.control}/_health"), timeout=30)


def test_discovery_killed_and_back_fails_no_request(demo: Launched, stage: Stage) -> None:
    in_step(stage)

    def worst() -> None:
        pid = kill(demo, "discovery")
        restarted(demo, "discovery", pid)
        in_step(stage)

    seen = counted(stage, 2000, 250.0, worst)
    assert (seen.failed, seen.lost, seen.repeated) == (0, 0, 0), seen.outcomes


def test_redis_killed_and_back_fails_no_request(demo: Launched, stage: Stage) -> None:
    in_step(stage)

    def worst() -> None:
        pid = kill(demo, "redis")
        assert stage.console.page("/").status_code == 200
        assert stage.console.page("/sidecars/").status_code == 200
        restarted(demo, "redis", pid)
        in_step(stage)

    seen = counted(stage, 2000, 250.0, worst)
    assert (seen.failed, seen.lost, seen.repeated) == (0, 0, 0), seen.outcomes
    in_step(stage)


@pytest.mark.parametrize("name", ["console", "healer", "load"])
def test_every_other_process_comes_back(name: str, demo: Launched, stage: Stage) -> None:
    pid = kill(demo, name)
    restarted(demo, name, pid)
    if name == "console":
        eventually(lambda: answers(f"{demo.demo.console}/livez"), timeout=30)
