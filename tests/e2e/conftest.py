"""A real browser for the tests of this folder: the system's Chromium, without a window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState

from meshconsole.demo.launch import Launched
from tests.e2e.shots import CHROMIUM, chromium, sign_in

TIMEOUT_MS = 15_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One per module: while it runs, its thread cannot run an event loop of its own."""
    if not Path(CHROMIUM).exists():
        pytest.skip("There is no Chromium: apt-get install chromium")
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def signed_in(browser: Browser, demo: Launched) -> StorageState:
    """The cookies of one sign-in through the form, for every page of the module."""
    context = browser.new_context()
    sign_in(context.new_page(), demo.demo.console.rstrip("/"), demo.demo.user, demo.password)
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def page(browser: Browser, demo: Launched, signed_in: StorageState) -> Iterator[Page]:
    """A signed-in page of the demo's console; what the browser complains about fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 850}, storage_state=signed_in)
    context.set_default_timeout(TIMEOUT_MS)
    made = context.new_page()
    complaints: list[str] = []
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on(
        "console",
        lambda said: (
            complaints.append(said.text) if "Content Security Policy" in said.text else None
        ),
    )
    made.goto(demo.demo.console)
    yield made
    context.close()
    assert complaints == []
