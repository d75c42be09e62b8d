"""The pages in a real browser: live, by keyboard, on a phone, light enough."""

from __future__ import annotations

import gzip
import os
import re
import signal
import urllib.parse
from functools import partial

import pytest
from playwright.sync_api import Browser, Page, Response, StorageState, expect

from meshconsole.demo.launch import Launched
from meshconsole.drill.stage import Stage
from tests.e2e.axe import faults
from tests.e2e.shots import DRAWN, LOOKS, PAGES, Look, sign_in
from tests.harness.demo import in_step, process_of, restarted

FIRST_LOAD_BYTES = 80_000
VICTIM = "stock-2"
WINDOW_MS = 40_000
"""A demo that has just begun has no complete window of traffic yet."""
HEAVY = {"topology", "traffic"}


def kill(demo: Launched, name: str) -> int:
    """Without a word; returns the pid that was."""
    pid = process_of(demo, name).pid
    os.kill(pid, signal.SIGKILL)
    return pid


def address(demo: Launched, path: str) -> str:
    return demo.demo.console.rstrip("/") + path


def test_a_wrong_password_is_said_in_a_sentence(browser: Browser, demo: Launched) -> None:
    page = browser.new_page()
    page.goto(address(demo, "/login/"))
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.close()


def test_the_overview_answers_in_four_cards_and_goes_live(page: Page) -> None:
    expect(page.locator("#live")).to_contain_text("live")
    cards = page.locator(".vital h2")
    expect(cards).to_have_text(["Encryption", "Limiting", "Steering", "Healing"])
    expect(page.locator("[data-figure=encryption]")).to_contain_text("%", timeout=WINDOW_MS)
    expect(page.locator("[data-figure=steering]")).to_contain_text("1 route in force")
    expect(page.locator(".tag")).to_contain_text("Demo")


def test_no_page_is_wider_than_a_phone(page: Page, demo: Launched) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    widths: dict[str, int] = {}
    for name, path in PAGES.items():
        page.goto(address(demo, path))
        if name in DRAWN:
            page.wait_for_selector(DRAWN[name])
        widths[name] = page.evaluate("document.documentElement.scrollWidth")
    assert {name: width for name, width in widths.items() if width > 360} == {}


def test_a_first_load_is_light_but_for_graph_and_charts(
    browser: Browser, demo: Launched, signed_in: StorageState
) -> None:
    loads: dict[str, int] = {}
    for name in PAGES.keys() - HEAVY:
        context = browser.new_context(storage_state=signed_in)
        page = context.new_page()
        sizes: dict[str, int] = {}
        page.on("response", partial(weigh, sizes))
        page.goto(address(demo, PAGES[name]), wait_until="load")
        loads[name] = sum(sizes.values())
        context.close()
    assert {name: size for name, size in loads.items() if size > FIRST_LOAD_BYTES} == {}


def weigh(sizes: dict[str, int], got: Response) -> None:
    """What a page's answers weigh when they are compressed, each address once."""
    sizes[got.url] = len(gzip.compress(got.body()))


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_no_page_shuts_anybody_out(
    look: Look, browser: Browser, demo: Launched, signed_in: StorageState
) -> None:
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme="dark" if look.scheme == "dark" else "light",
        storage_state=signed_in,
    )
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for name, path in PAGES.items():
        page.goto(address(demo, path))
        if name in DRAWN:
            page.wait_for_selector(DRAWN[name])
        found[name] = faults(page)
    context.close()
    assert {name: told for name, told in found.items() if told} == {}


def test_the_graph_is_drawn_and_its_table_says_the_same(page: Page, demo: Launched) -> None:
    page.goto(address(demo, "/topology/"))
    page.wait_for_selector(DRAWN["topology"])
    rows = page.locator("#topology-table tbody tr")
    expect(rows.filter(has_text="gateway").filter(has_text="order")).to_have_count(1)
    expect(rows.first).to_contain_text("plaintext")
    expect(page.locator("#graph-locks use").first).to_have_attribute(
        "href", "/static/img/icons.svg#lock-open"
    )


def test_the_graph_is_filtered_by_words(page: Page, demo: Launched) -> None:
    page.goto(address(demo, "/topology/?q=app:stock"))
    expect(page.locator("#topology-table tbody tr")).to_have_count(1)
    page.goto(address(demo, "/topology/?q=tls:yes"))
    expect(page.get_by_text("Nothing matches the filter")).to_be_visible()


def test_the_keyboard_moves_and_opens(page: Page, demo: Launched) -> None:
    page.goto(address(demo, "/instances/"))
    page.keyboard.press("j")
    page.keyboard.press("j")
    row = page.locator("tr.is-cursor")
    expect(row).to_have_count(1)
    name = row.locator("th a").inner_text()
    page.keyboard.press("o")
    page.wait_for_url(f"**/instances/{name}/")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/topology/")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_the_theme_is_kept(page: Page, demo: Launched) -> None:
    page.get_by_role("button", name="Theme: auto").click()
    page.get_by_role("button", name="Theme: light").click()
    page.goto(address(demo, "/units/"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_phone_opens_the_menu(page: Page, demo: Launched) -> None:
    page.set_viewport_size({"width": 360, "height": 780})
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Instances").click()
    page.wait_for_url("**/instances/")
    expect(page.locator("#rail")).to_be_hidden()


def test_a_dead_instance_is_a_row_in_the_feed_and_evidence_behind_it(
    page: Page, demo: Launched, stage: Stage
) -> None:
    page.goto(address(demo, "/feed/"))
    expect(page.locator("#live")).to_contain_text("live")
    # An instance is its process and its sidecar; group 1 has the traffic.
    killed = {name: kill(demo, name) for name in (VICTIM, f"sidecar-{VICTIM}")}
    row = page.locator("#feed-rows tr", has_text=VICTIM).first
    expect(row).to_be_visible()
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Who saw what")).to_be_visible()
    expect(page.locator("#anomaly")).to_contain_text("order-")
    for name, pid in killed.items():
        restarted(demo, name, pid)
    in_step(stage)


def test_the_feed_can_be_held_still(page: Page, demo: Launched) -> None:
    page.goto(address(demo, "/feed/"))
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Catch up")).to_be_visible()
    # Not `0`: what was broken before may be told as recovered while the page is held.
    expect(page.locator("#feed-counter")).to_have_text(re.compile(r"^\d+ new$"))
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_signing_out_ends_it(browser: Browser, demo: Launched) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, demo.demo.console.rstrip("/"), demo.demo.user, demo.password)
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/**")
    page.goto(address(demo, "/routes/"))
    assert urllib.parse.urlsplit(page.url).path == "/login/"
    context.close()
