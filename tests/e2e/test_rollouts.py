"""The story of a rollout: plan it, start it, watch a wave arrive, halt it, take it back."""

from __future__ import annotations

from contextlib import suppress

from playwright.sync_api import Page, expect

from meshconsole.demo.launch import Launched
from meshconsole.drill.stage import Stage
from tests.e2e.axe import faults
from tests.e2e.shots import LOOKS
from tests.harness.demo import only_reported

WAVE_MS = 60_000
"""A wave is written, pushed, taken by nine sidecars, and seen by the engine within this time."""


def looked_at(page: Page) -> dict[str, list[str]]:
    """What shuts somebody out of this page, in every look."""
    before = page.viewport_size
    # Colours that are on their way from one scheme to the other are nobody's.
    page.emulate_media(reduced_motion="reduce")
    found = {}
    for look in LOOKS:
        page.set_viewport_size({"width": look.width, "height": look.height})
        page.emulate_media(color_scheme="dark" if look.scheme == "dark" else "light")
        found[look.name] = faults(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > look.width:
            found[look.name].append(f"{width} px wide")
    assert before is not None
    page.set_viewport_size(before)
    return {name: told for name, told in found.items() if told}


def ask(page: Page, verb: str, reason: str) -> None:
    """Click a verb, say why, confirm."""
    page.locator(".verbs").get_by_role("button", name=verb, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=verb, exact=True).click()


def plan(page: Page, console: str) -> None:
    """A tenth of order's traffic to its second group, in short soaks."""
    page.goto(f"{console}/rollouts/new/?kind=route_table&application=order")
    page.locator("input[name='weight:Group_1']").fill("90")
    page.locator("input[name='weight:Group_2']").fill("10")
    page.get_by_label("Soaks, times").fill("0.1")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="What judges each wave")).to_be_visible()


def test_a_rollout_is_planned_followed_halted_and_taken_back(
    page: Page, demo: Launched, stage: Stage
) -> None:
    console = demo.demo.console.rstrip("/")
    before = stage.console.get("/api/v1/routes/order")["split"]
    plan(page, console)
    expect(page.locator("#as-command")).to_contain_text("meshctl rollout create route_table")
    expect(page.locator("#preview")).to_contain_text("order is critical")
    assert looked_at(page) == {}

    start = page.locator("#preview form")
    start.get_by_label("Reason").fill("The second group is new")
    start.get_by_label("Go past approval").check()
    start.get_by_role("button", name="Ask for approval").click()
    page.wait_for_url("**/rollouts/*/")
    expect(page.locator("#wave-1 .badge")).to_have_text("soaking", timeout=WAVE_MS)
    expect(page.locator("#wave-1")).to_have_attribute("aria-current", "step")
    expect(page.locator("#wave-1 time[data-until]")).to_be_visible()
    expect(page.locator("#log-title")).to_be_visible()
    expect(page.locator(".gate-chart").first).to_be_visible(timeout=WAVE_MS)
    assert looked_at(page) == {}

    ask(page, "Pause", "Somebody asked")
    expect(page.locator("#rollout > header .badge")).to_have_text("paused", timeout=WAVE_MS)
    expect(page.locator(".standing")).to_have_text("Somebody asked")
    page.goto(f"{console}/rollouts/")
    row = page.locator("#rollouts tbody tr").first
    expect(row).to_contain_text("paused")
    expect(row).to_contain_text("Split of order to Group_1 90%, Group_2 10%")
    assert looked_at(page) == {}

    row.get_by_role("link").click()
    ask(page, "Roll back", "Not today")
    expect(page.locator("#rollout > header .badge")).to_have_text("rolled back", timeout=WAVE_MS)
    expect(page.locator(".verbs button")).to_have_count(0)
    assert stage.console.get("/api/v1/routes/order")["split"] == before


def test_a_verb_that_comes_too_late_is_told_in_its_dialog(page: Page, demo: Launched) -> None:
    console = demo.demo.console.rstrip("/")
    plan(page, console)
    page.get_by_role("button", name="Keep for later").click()
    page.wait_for_url("**/rollouts/*/")
    page.locator(".verbs").get_by_role("button", name="Start").click()
    other = page.context.new_page()
    other.goto(page.url)
    ask(other, "Abort", "First")
    expect(other.locator("#rollout > header .badge")).to_have_text("rolled back")
    other.close()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("alert")).to_contain_text("rolled back cannot be started")
    assert faults(page) == []
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.locator("#rollout > header .badge")).to_have_text("rolled back")


def test_healing_is_brought_up_by_level_and_kept_still_by_the_kill_switch(
    page: Page, demo: Launched, stage: Stage
) -> None:
    with only_reported(stage, "stock"):
        _brought_up(page, demo, stage)


def _brought_up(page: Page, demo: Launched, stage: Stage) -> None:
    console = demo.demo.console.rstrip("/")
    page.goto(f"{console}/rollouts/new/?kind=healing_mode&application=stock")
    page.locator("input[value='ejection_mode:eject']").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="What it would have done")).to_be_visible()
    expect(page.locator("#preview")).to_contain_text("It lets healing do more than it may now.")
    assert looked_at(page) == {}

    start = page.locator("#preview form")
    start.get_by_label("Reason").fill("Callers have said enough")
    start.get_by_label("Go past approval").check()
    start.get_by_role("button", name="Ask for approval").click()
    page.wait_for_url("**/rollouts/*/")
    expect(page.locator("#wave-1 .badge")).to_have_text("soaking", timeout=WAVE_MS)
    wish = {"switch": "rollouts", "application": "stock", "confirm": "stock", "reason": "Look."}
    switch = stage.console.post("/api/v1/kill-switches", wish)
    expect(page.locator("#rollout > header .badge")).to_have_text("paused", timeout=WAVE_MS)
    expect(page.locator("[data-figure=brake]")).to_contain_text("The kill switch keeps it still")
    assert looked_at(page) == {}
    ask(page, "Roll back", "Not today")
    expect(page.locator("#rollout > header .badge")).to_have_text("rolled back", timeout=WAVE_MS)
    with suppress(ValueError):  # there is nothing in the answer
        stage.console.post(f"/api/v1/kill-switches/{switch['id']}/release", {"reason": "Done."})
