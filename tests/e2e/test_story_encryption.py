"""The story of encrypting one application by hand: strict refused, preferred taken, nothing cut."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from meshconsole.demo.launch import Launched

FOLLOWED_MS = 45_000
"""Sidecars take a mode in seconds; callers replace their connections bit by bit."""


def choose(page: Page, mode: str) -> None:
    """Through the form, for all instances at once."""
    page.get_by_label("Of new instances").select_option(mode)
    page.get_by_label("Reason").first.fill(f"Story: {mode}")
    page.get_by_role("button", name="Apply modes").click()


def test_an_application_is_encrypted_by_hand_and_nothing_is_cut(page: Page, demo: Launched) -> None:
    page.get_by_role("link", name="Encryption", exact=True).click()
    expect(page.get_by_role("heading", name="Encryption")).to_be_visible()
    page.locator("#encryption-stock").get_by_role("link", name="stock", exact=True).click()
    page.wait_for_url("**/applications/stock/encryption/")

    choose(page, "strict")
    expect(page.locator("#refusal")).to_contain_text("stock cannot be strict yet")
    expect(page.locator("#refusal")).to_contain_text("make it preferred first")

    choose(page, "preferred")
    expect(page.locator("#mode-of-stock-1")).to_contain_text("preferred")
    expect(page.locator("#mode-of-stock-1")).to_contain_text("ready")
    ledger = page.locator("#ledger")
    expect(ledger).to_contain_text("mTLS", timeout=FOLLOWED_MS)
    expect(ledger.locator("[data-figure=cut]")).to_contain_text("0 cut of")

    choose(page, "permissive")
    expect(page.locator("#mode-of-stock-1")).to_contain_text("permissive")
    choose(page, "plaintext")
    expect(page.locator("#mode-of-stock-1")).to_contain_text("plaintext")
