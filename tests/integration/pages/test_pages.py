"""Every page opens for who may look, turns others away, and still opens with Redis gone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import redis as driver
from django.urls import reverse
from django.utils import timezone

from meshconsole.front.context import encrypted_now
from meshconsole.healing import models as healing
from meshconsole.rollouts.models import Rollout
from meshconsole.rollouts.services import rollout_create, rollout_plan
from meshconsole.steering.services import split_set
from meshconsole.telemetry.reader import EDGES, INSTANCES
from tests.factories import a_group, an_application, an_instance

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

PAGES = (
    "/",
    "/overview/live/",
    "/padlock/",
    "/topology/",
    "/topology/?by=unit&minutes=15&q=app:order+err>1%25",
    "/topology/table/",
    "/applications/",
    "/applications/?q=ord",
    "/applications/order/",
    "/applications/order/traffic/",
    "/applications/order/traffic/figures/",
    "/applications/order/routes/",
    "/applications/order/encryption/",
    "/applications/order/encryption/?page=2",
    "/applications/order/instances/",
    "/applications/order/cases/",
    "/cases/",
    "/cases/?state=open&application=order&q=order",
    "/cases/rows/?outcome=resolved",
    "/applications/order/audit/",
    "/units/",
    "/units/unit1/",
    "/instances/",
    "/instances/?state=serving&application=order&unit=unit1&q=order",
    "/instances/order-1/",
    "/routes/",
    "/routes/order/",
    "/routes/order/progress/",
    "/routes/order/measured/",
    "/routes/order/changed/?version=0",
    "/encryption/",
    "/encryption/?mode=strict&q=ord",
    "/encryption/certificates/",
    "/encryption/certificates/?state=warn&q=order&all=1",
    "/sidecars/",
    "/approvals/",
    "/automation/",
    "/notices/",
    "/notices/?state=failed",
    "/automation/policy/",
    "/automation/policy/order/",
    "/approvals/?state=rejected&application=order",
    "/sidecars/table/?state=offline",
    "/feed/",
    "/feed/rows/?state=open",
    "/feed/{anomaly}/",
    "/feed/quarantine/",
    "/feed/?scope=service&rule=alert",
    "/rollouts/",
    "/rollouts/?state=open&kind=route_table&application=order",
    "/rollouts/new/",
    "/rollouts/new/?kind=route_table&application=order",
    "/rollouts/{rollout}/",
    "/rollouts/{rollout}/live/?wave=2",
    "/audit/",
    "/audit/?verb=split_set&text=order",
    "/audit/export.csv",
    "/audit/export.jsonl?actor=sre",
)
MISSING = (
    "/applications/nobody/",
    "/applications/nobody/routes/",
    "/applications/nobody/encryption/",
    "/units/nowhere/",
    "/instances/none/",
    "/routes/nobody/",
    "/feed/999999/",
    "/applications/nobody/cases/",
    "/cases/999999/",
    "/cases/999999/live/",
    "/cases/999999.md",
    "/rollouts/999999/",
    "/no/such/page/",
)


@pytest.fixture(autouse=True)
def fresh_frame() -> None:
    """What is kept for a second or two is not kept from one test to the next."""
    encrypted_now.forget()
    EDGES.forget()
    INSTANCES.forget()


@pytest.fixture
def mesh() -> dict[str, str]:
    """One application in two groups with a route and an anomaly; names to put into addresses."""
    order = an_application("order")
    a_group(order, "Group_2")
    an_instance("order-1")
    an_instance("order-2", group="Group_2")
    an_instance("gateway-1", application="gateway")
    split_set(
        application="order",
        split={"Group_1": 100, "Group_2": 0},
        expected_version=0,
        actor="sre",
        reason="Begin",
    )
    return {"anomaly": str(an_anomaly().pk), "rollout": str(a_rollout().pk)}


def a_rollout() -> Rollout:
    """One that was previewed and not begun."""
    now = timezone.now()
    spec = {"split": {"Group_1": 50, "Group_2": 50}}
    made = rollout_create(kind="route_table", application="order", spec=spec, actor="sre", now=now)
    return rollout_plan(pk=made.pk, actor="sre", now=now)


def an_anomaly(instance: str = "order-1") -> healing.Anomaly:
    """An open anomaly with its evidence."""
    now = timezone.now()
    anomaly = healing.Anomaly.objects.create(
        subject_instance=instance,
        subject_app="order",
        subject_unit="unit1",
        subject_group="Group_1",
        subject_address="127.0.0.1:9001",
        rule="connect",
        first_at=now,
        last_at=now,
        due_at=now + timedelta(minutes=1),
        updated_at=now,
        published_at=now,
        reporter_count=1,
        report_count=1,
        errors_total=5,
    )
    healing.Testimony.objects.create(
        anomaly=anomaly,
        reporter_instance="gateway-1",
        reporter_app="gateway",
        reporter_unit="unit1",
        said_at=now,
        report_count=1,
        errors={"connect": 5},
    )
    healing.AnomalyReport.objects.create(
        event_id=f"event-{anomaly.pk}",
        boot_id="boot",
        seq=1,
        ordinal=0,
        anomaly=anomaly,
        reporter_instance="gateway-1",
        reporter_app="gateway",
        reporter_unit="unit1",
        subject_instance=instance,
        subject_app="order",
        subject_unit="unit1",
        phase="failing",
        rule="connect",
        n=5,
        errors={"connect": 5},
        samples=[{"error": "connect", "detail": "<script>alert(1)</script>"}],
        window_start=now,
        window_end=now,
        received_at=now,
    )
    return anomaly


def shown(answer: Any) -> str:
    """The body, also of an answer that streams; read once."""
    body = getattr(answer, "seen", None) or b"".join(answer)
    answer.seen = body
    return str(body.decode())


@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_may_open_it_while_everything_runs(
    page: str, mesh: dict[str, str], mesh_redis: str, browser_of: Callable[[str], Client]
) -> None:
    answer = browser_of("viewer").get(page.format(**mesh))
    assert answer.status_code == 200, shown(answer)[:2000]


@pytest.mark.parametrize("page", PAGES)
def test_it_opens_while_redis_is_gone(
    page: str, mesh: dict[str, str], browser_of: Callable[[str], Client]
) -> None:
    answer = browser_of("viewer").get(page.format(**mesh))
    assert answer.status_code == 200, shown(answer)[:2000]
    if "<body" in shown(answer):
        assert "Degraded." in shown(answer)


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_to_the_console_is_sent_to_sign_in(
    page: str, mesh: dict[str, str], client: Client
) -> None:
    answer = client.get(page.format(**mesh))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(reverse("access:login"))


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_inline(
    page: str, mesh: dict[str, str], browser_of: Callable[[str], Client]
) -> None:
    text = shown(browser_of("viewer").get(page.format(**mesh)))
    assert re.search(r"<script(?![^>]*\bsrc=)", text) is None
    assert re.search(r"<style|\sstyle=|\son[a-z]+=", text) is None
    assert "javascript:" not in text


def test_a_refusal_is_shown_with_its_path_and_reason(
    mesh: dict[str, str], mesh_redis: str, browser_of: Callable[[str], Client]
) -> None:
    now = timezone.now().timestamp()
    refusal = {
        "path": "/route/order/split/0",
        "code": "group_missing",
        "msg": "No Group_9.",
        "v": 7,
    }
    word = {"v": 6, "digest": "aaaa", "state": "nacked", "variant": "order/unit1/stable"}
    with driver.Redis.from_url(mesh_redis) as redis:
        redis.zadd("mesh:leases", {"order-1": now + 60, "order-2": now + 60})
        redis.hset("mesh:head", mapping={"v": 7, "at": now, "variants": "{}"})
        redis.hset("mesh:sync", "order-1", json.dumps(word | {"nack": refusal, "at": now}))
    viewer = browser_of("viewer")
    text = shown(viewer.get("/sidecars/"))
    assert "/route/order/split/0" in text
    assert "No Group_9." in text
    assert text.index("sidecar-order-1") < text.index("sidecar-order-2")
    assert "Refused revision 7" in shown(viewer.get("/instances/order-1/"))
    assert "sidecar-order-2" not in shown(viewer.get("/sidecars/?state=nacked"))


@pytest.mark.parametrize("page", MISSING)
def test_what_is_not_there_is_said_in_a_page(
    page: str, mesh: dict[str, str], browser_of: Callable[[str], Client]
) -> None:
    answer = browser_of("viewer").get(page)
    assert answer.status_code == 404
    assert "Go to the overview" in answer.content.decode()


def test_who_has_no_role_is_told_so(browser_of: Callable[[str], Client]) -> None:
    answer = browser_of("stranger").get("/")
    assert answer.status_code == 403
    assert "ask an admin" in answer.content.decode()


def test_a_fragment_gets_its_error_as_a_fragment(browser_of: Callable[[str], Client]) -> None:
    answer = browser_of("viewer").get("/applications/nobody/", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert "<html" not in answer.content.decode()
    assert "There is no application" in answer.content.decode()


def test_only_pages_with_a_graph_or_chart_may_carry_style_attributes(
    mesh: dict[str, str], browser_of: Callable[[str], Client]
) -> None:
    viewer = browser_of("viewer")
    relaxed = {
        page
        for page in PAGES
        if "unsafe-inline" in viewer.get(page.format(**mesh)).headers["Content-Security-Policy"]
    }
    assert {page.split("?")[0] for page in relaxed} == {
        "/topology/",
        "/applications/order/traffic/",
    }
