"""The story of a gray release: sign in, move half of the traffic, watch it arrive, take it back."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import httpx
from playwright.sync_api import Page, expect

from meshconsole.demo.launch import Launched
from meshconsole.drill.stage import Stage

REQUESTS = 2000
CALLERS = 6
POINTS = 3.0


def percent_of_group_2(stage: Stage) -> float:
    """Send numbered requests through the entrance; ask the origins what they received."""
    run = f"s{secrets.token_hex(4)}"
    services = stage.services("order")

    def send(number: int, http: httpx.Client) -> None:
        headers = {"host": "gateway", "x-request-id": f"{run}.{number}"}
        http.get(f"{stage.demo.entrance}/browse", headers=headers).raise_for_status()

    def send_share(first: int) -> None:
        with httpx.Client(timeout=10) as http:
            for number in range(first, REQUESTS, CALLERS):
                send(number, http)

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(send_share, range(CALLERS)))
    counts = stage.counted(services, run, "GET /orders/{id}")
    assert counts.judge(range(REQUESTS)) == (0, 0)
    by = counts.by({one.instance: one.group for one in services}, range(REQUESTS))
    return 100 * by["Group_2"] / REQUESTS


def set_weights(page: Page, first: int, second: int) -> None:
    """Through the fields of the form; the other field follows by itself."""
    page.get_by_label("Percent for Group_1", exact=True).fill(str(first))
    expect(page.get_by_label("Percent for Group_2", exact=True)).to_have_value(str(second))
    page.get_by_role("button", name="Apply").click()


def all_sidecars_run(page: Page, version: int) -> None:
    done = page.locator(f'#route-progress [data-version="{version}"][data-percent="100"]')
    expect(done).to_be_visible()


def version_of(page: Page) -> int:
    return int(page.locator("#split-form input[name=version]").input_value())


def test_half_of_the_traffic_moves_with_a_click_and_comes_back_with_another(
    page: Page, demo: Launched, stage: Stage
) -> None:
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("link", name="Routes", exact=True).first.click()
    page.get_by_role("link", name="order", exact=True).click()
    page.wait_for_url("**/routes/order/")
    begin = version_of(page)

    page.get_by_label("Percent for Group_1", exact=True).fill("50")
    page.get_by_role("button", name="Preview").click()
    preview = page.locator("#preview")
    expect(preview).to_contain_text("Move 50% from Group_1 to Group_2")
    expect(preview).to_contain_text("9 sidecars will be told")
    assert version_of(page) == begin

    page.get_by_label("Reason").first.fill("Gray release, half")
    page.get_by_role("button", name="Apply").click()
    all_sidecars_run(page, begin + 1)
    expect(page.locator("#split-now")).to_have_attribute("aria-label", "Group_1 50%, Group_2 50%")
    assert abs(percent_of_group_2(stage) - 50) <= POINTS

    page.get_by_role("button", name=f"Revert to version {begin}").click()
    page.get_by_role("button", name="Revert", exact=True).click()
    all_sidecars_run(page, begin + 2)
    expect(page.locator("#split-now")).to_have_attribute("aria-label", "Group_1 100%, Group_2 0%")
    assert percent_of_group_2(stage) == 0

    page.get_by_role("link", name="Audit").click()
    trail = page.locator("tbody tr", has_text="route:order")
    expect(trail.first).to_contain_text("route_revert")
    expect(trail.nth(1)).to_contain_text("Gray release, half")


def test_who_comes_second_is_told_and_decides_again(
    page: Page, demo: Launched, stage: Stage
) -> None:
    address = f"{demo.demo.console.rstrip('/')}/routes/order/"
    page.goto(address)
    other = page.context.new_page()
    other.goto(address)
    begin = version_of(page)

    set_weights(other, 70, 30)
    all_sidecars_run(other, begin + 1)
    expect(page.locator("#route-changed")).to_contain_text(f"set version {begin + 1}")

    set_weights(page, 40, 60)
    expect(page.locator("#refusal")).to_contain_text("somebody else was first")
    expect(page.get_by_label("Percent for Group_1", exact=True)).to_have_value("40")
    assert version_of(page) == begin + 1
    page.get_by_role("button", name="Apply").click()
    all_sidecars_run(page, begin + 2)

    set_weights(page, 100, 0)
    all_sidecars_run(page, begin + 3)
    other.close()
