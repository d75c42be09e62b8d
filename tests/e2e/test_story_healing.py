"""The story of a bad instance: broken with a click, ejected, decided on a phone, whole again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from meshconsole.demo.launch import Launched, launched, plain_environment
from meshconsole.drill.stage import Stage
from tests.e2e.axe import faults
from tests.harness.demo import in_step

VICTIM = "stock-1"
SCALE = "0.05"
"""Of the healer's waits: three minutes of cooldown are nine seconds."""
OPENED_MS = 15_000
DECIDED_MS = 60_000
HEALED_MS = 120_000


@pytest.fixture(scope="module")
def demo() -> Iterator[Launched]:
    """A demo whose healer waits for seconds, and which no other story has changed."""
    surroundings = plain_environment() | {"MESH_HEAL_SCALE": SCALE}
    with (
        tempfile.TemporaryDirectory(prefix="mesh-healing-") as folder,
        launched(Path(folder), "--port", "8260", "--rate", "60", environment=surroundings) as one,
    ):
        yield one


@pytest.fixture
def phone(browser: Browser, signed_in: StorageState) -> Iterator[Page]:
    """The telephone of whoever is on call."""
    context = browser.new_context(
        viewport={"width": 360, "height": 780}, storage_state=signed_in, has_touch=True
    )
    yield context.new_page()
    context.close()


def let_people_decide(stage: Stage) -> None:
    """Callers eject, and the healer asks a person before it acts."""
    now = stage.console.get("/api/v1/healing-policy")
    wish = {
        "mode": "approve_all", "ejection_mode": "eject", "actuator": "process",
        "actuator_settings": {}, "reason": "The story of a bad instance.",
    }  # fmt: skip
    stage.console.put("/api/v1/healing-policy", wish, version=now["version"])
    in_step(stage)


def test_a_broken_instance_is_ejected_decided_about_on_a_phone_and_healed(
    page: Page, phone: Page, demo: Launched, stage: Stage
) -> None:
    let_people_decide(stage)
    page.goto(demo.demo.console)
    expect(page.locator("[data-figure=healing]")).to_contain_text("0 open cases")

    page.get_by_role("button", name="Break an instance").click()
    page.locator("select[name=instance]").select_option(VICTIM)
    page.locator("select[name=kind]").select_option("dead")
    page.get_by_role("button", name="Break it").click()

    page.get_by_role("link", name="Cases", exact=True).click()
    row = page.locator("#cases tbody tr", has_text=VICTIM)
    expect(row).to_have_count(1, timeout=OPENED_MS)
    row.get_by_role("link", name=VICTIM).click()
    page.wait_for_url("**/cases/*/")
    expect(page.locator(".machine .is-present")).to_have_count(1)
    expect(page.get_by_role("heading", name="Left out by its callers")).to_be_visible()
    expect(page.locator("#case .badge", has_text="ejected").first).to_be_visible()
    assert faults(page) == []

    # The page follows by itself, from cooling down until a person is asked.
    expect(page.locator("#case > header .badge")).to_have_text(
        "awaits approval", timeout=DECIDED_MS
    )
    expect(page.locator("[data-figure=wait] time[data-until]")).to_be_visible()
    expect(page.locator("#decide")).to_be_visible()

    phone.goto(page.url)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert faults(phone) == []
    phone.locator("#decide").click()
    phone.wait_for_url("**/approvals/*/")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert faults(phone) == []
    phone.get_by_role("button", name="Approve", exact=True).click()
    asked = phone.locator("dialog[open]")
    asked.get_by_label("Reason").fill("It is dead; start it again.")
    asked.get_by_role("button", name="Approve", exact=True).click()
    expect(phone.locator("#approval > header .badge")).not_to_have_text("pending")

    expect(page.locator("#case > header .badge")).to_have_text("resolved", timeout=HEALED_MS)
    assert faults(page) == []
    step = page.locator("#step-1")
    expect(step).to_contain_text("succeeded")
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text("It is dead; start it again.")
    expect(timeline).to_contain_text("Real traffic is fine again")

    report = page.request.get(page.url.rstrip("/") + ".md").text()
    assert "**Resolved**" in report
    assert "It is dead; start it again." in report
    assert "restart the application's process" in report

    page.get_by_role("link", name="Instance page").click()
    page.wait_for_url(f"**/instances/{VICTIM}/")
    expect(page.get_by_role("heading", name="Every action taken")).to_be_visible()
    expect(page.locator("#instance")).to_contain_text("restart the application's process")


def test_a_case_is_judged_afterwards(page: Page, demo: Launched, stage: Stage) -> None:
    [case] = stage.console.get("/api/v1/cases", state="resolved")["results"]
    page.goto(f"{demo.demo.console.rstrip('/')}/cases/{case['id']}/")
    page.get_by_role("button", name="Judge it").click()
    asked = page.locator("dialog[open]")
    asked.get_by_label("Right: something was wrong").check()
    asked.get_by_label("Reason").fill("It was really dead.")
    asked.get_by_role("button", name="Judge it").click()
    expect(page.locator("#case")).to_contain_text("It was really dead.")
