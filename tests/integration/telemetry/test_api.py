"""Traffic by REST: figures while Redis is there, a problem that says so while it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from meshconsole.core import redis as core_redis
from meshconsole.telemetry.reader import EDGES, INSTANCES
from meshconsole.telemetry.services import WindowStore
from proxy.contract.identity import InstanceIdentity
from proxy.contract.reports import EdgeWindow
from proxy.contract.session import Report

pytestmark = pytest.mark.django_db
Api = Callable[[str], APIClient]
KINDS = ("applications", "edges", "instances", "series")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    EDGES.forget()
    INSTANCES.forget()


async def _report() -> None:
    windows = WindowStore("s1")
    at = time.time() - 60
    for side, app in (("out", "gateway"), ("in", "order")):
        identity = InstanceIdentity(
            trust_domain="mesh.local", unit="unit1", app=app, instance=f"{app}-1"
        )
        window = EdgeWindow(
            side=side,  # type: ignore[arg-type]
            app="order",
            unit="unit1",
            group="Group_1",
            interface="GET /order",
            requests=10,
        )
        report = Report(seq=1, window_start=at, window_end=at + 1, up=[window])
        windows.add(identity, "Group_1", f"boot-{app}", report)
    await windows.flush()
    await core_redis.async_close()


def test_the_graph_and_the_figures_are_served(api_of: Api, mesh_redis: str) -> None:
    asyncio.run(_report())
    api = api_of("viewer")
    graph = api.get("/api/v1/topology", {"minutes": 5}).json()
    assert [(edge["source"], edge["target"]) for edge in graph["edges"]] == [("gateway", "order")]
    for kind in KINDS:
        assert api.get(f"/api/v1/telemetry/{kind}").json()["results"], kind
    for kind in ("groups", "interfaces"):
        answer = api.get(f"/api/v1/telemetry/{kind}", {"application": "order"})
        assert answer.json()["results"], kind


def test_a_wrong_question_is_answered_with_its_fault(api_of: Api, mesh_redis: str) -> None:
    api = api_of("viewer")
    for minutes in ("0", "61", "-5", "many", "9" * 30):
        assert api.get("/api/v1/topology", {"minutes": minutes}).status_code == 422, minutes
    assert api.get("/api/v1/topology", {"by": "colour"}).status_code == 422
    assert api.get("/api/v1/telemetry/interfaces").status_code == 422
    assert api.get("/api/v1/telemetry/weather").status_code == 404


def test_without_redis_the_answer_is_503_and_degraded(api_of: Api) -> None:
    api = api_of("viewer")
    for path in ("topology", *(f"telemetry/{kind}" for kind in KINDS)):
        answer = api.get(f"/api/v1/{path}")
        assert (answer.status_code, answer.json()["code"]) == (503, "degraded"), path
