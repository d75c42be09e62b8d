"""The demo's page breaks and mends, for who may, and is nowhere but in a demo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from meshconsole.audit.models import AuditEntry
from meshconsole.demo import views
from meshconsole.demo.breaking import CannotBreak
from meshconsole.demo.state import DemoFile, ServiceLine, State

pytestmark = pytest.mark.django_db
SERVICE = ServiceLine(
    instance="order-3", app="order", unit="unit2", group="Group_1", control="http://127.0.0.1:1",
    sidecar_admin="http://127.0.0.1:1",
)  # fmt: skip
DEMO = DemoFile(
    console="", user="sre", entrance="", processes=[], services=[SERVICE], load="", control="/x"
)


@pytest.fixture
def demo(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MESH_DEMO = True
    settings.STATE_DIR = tmp_path
    State(tmp_path).write(DEMO)
    monkeypatch.setattr(views, "held", lambda demo, each: "process down")


@pytest.fixture
def as_role(client: Client, person: Callable[[str], User]) -> Callable[[str], Client]:
    def signed_in(role: str) -> Client:
        client.force_login(person(role))
        return client

    return signed_in


def test_the_page_shows_what_is_broken_with_a_way_to_mend_it(
    demo: None, as_role: Callable[[str], Client]
) -> None:
    text = as_role("operator").get("/demo/faults/").content.decode()
    assert "process down" in text
    assert 'aria-label="Mend order-3"' in text
    assert "50 % errors" in text
    assert "Break something" in text


def test_a_viewer_looks_and_breaks_nothing(demo: None, as_role: Callable[[str], Client]) -> None:
    client = as_role("viewer")
    text = client.get("/demo/faults/").content.decode()
    assert "needs the role operator" in text
    assert client.post("/demo/break/", {"instance": "order-3", "kind": "dead"}).status_code == 403


def test_breaking_is_done_said_and_audited(
    demo: None, as_role: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "break_instance", lambda demo, name, kind: f"{name} is {kind}.")
    answer = as_role("operator").post(
        "/demo/break/", {"instance": "order-3", "kind": "dead"}, follow=True
    )
    assert "order-3 is dead." in answer.content.decode()
    entry = AuditEntry.objects.get(verb="demo_break")
    assert (entry.object, entry.after) == ("instance:order-3", {"fault": "dead"})


def test_what_cannot_be_broken_is_said_and_leaves_no_trace(
    demo: None, as_role: Callable[[str], Client]
) -> None:
    answer = as_role("operator").post(
        "/demo/break/", {"instance": "order-9", "kind": "dead"}, follow=True
    )
    assert "There is no instance &#x27;order-9&#x27; in this demo" in answer.content.decode()
    assert not AuditEntry.objects.filter(verb="demo_break").exists()


def test_a_supervisor_that_does_not_answer_is_said(
    demo: None, as_role: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(demo: DemoFile, each: ServiceLine) -> str:
        raise CannotBreak("The supervisor does not answer.")

    monkeypatch.setattr(views, "held", fails)
    assert (
        "The supervisor does not answer." in as_role("viewer").get("/demo/faults/").content.decode()
    )


def test_outside_of_a_demo_there_is_no_such_page(as_role: Callable[[str], Client]) -> None:
    client = as_role("admin")
    assert client.get("/demo/faults/").status_code == 404
    assert client.post("/demo/break/", {"instance": "order-3", "kind": "dead"}).status_code == 404
    assert "/demo/" not in client.get("/units/").content.decode()
