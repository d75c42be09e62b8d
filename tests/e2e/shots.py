"""Pictures of every page in light, dark and at phone width: `make shots` against a running demo."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Response, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
]
PAGES = {
    "overview": "/",
    "faults": "/demo/faults/",
    "topology": "/topology/",
    "applications": "/applications/",
    "application": "/applications/order/",
    "traffic": "/applications/order/traffic/",
    "application-routes": "/applications/order/routes/",
    "application-encryption": "/applications/order/encryption/",
    "application-cases": "/applications/order/cases/",
    "application-instances": "/applications/order/instances/",
    "application-audit": "/applications/order/audit/",
    "units": "/units/",
    "unit": "/units/unit1/",
    "instances": "/instances/",
    "routes": "/routes/",
    "route": "/routes/order/",
    "encryption": "/encryption/",
    "certificates": "/encryption/certificates/",
    "rollouts": "/rollouts/",
    "rollout-new": "/rollouts/new/?kind=tls_mode&application=order",
    "rollout-healing": "/rollouts/new/?kind=healing_mode&application=order",
    "sidecars": "/sidecars/",
    "feed": "/feed/",
    "quarantine": "/feed/quarantine/",
    "approvals": "/approvals/",
    "cases": "/cases/",
    "automation": "/automation/",
    "replays": "/automation/replays/",
    "notices": "/notices/",
    "healing-policy": "/automation/policy/order/",
    "audit": "/audit/",
    "not-found": "/no/such/page/",
}
DRAWN = {"topology": "#graph[data-ready]", "traffic": "[data-chart=latency][data-ready]"}


@dataclass(frozen=True)
class Look:
    """One way to look at the console."""

    name: str
    width: int
    height: int
    scheme: str


LOOKS = (
    Look("light", 1440, 900, "light"),
    Look("dark", 1440, 900, "dark"),
    Look("phone", 360, 780, "light"),
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, console: str, user: str, password: str) -> None:
    """Through the form, as a person does."""
    page.goto(f"{console}/login/")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{console}/")


def complain(look: Look, got: Response) -> None:
    """Say which answer was an error."""
    if got.status >= 400:
        print(look.name, got.status, got.url)


def shoot(browser: Browser, look: Look, folder: Path, wanted: list[str], login: list[str]) -> None:
    """Every wanted page in one look."""
    console, user, password = login
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme="dark" if look.scheme == "dark" else "light",
    )
    page = context.new_page()
    page.on("console", lambda message: print(look.name, message.type, message.text[:300]))
    page.on("pageerror", lambda error: print(look.name, "error", str(error)[:300]))
    page.on("response", lambda got: complain(look, got))
    page.goto(f"{console}/login/")
    page.screenshot(path=folder / f"login-{look.name}.png", full_page=True)
    sign_in(page, console, user, password)
    for name in wanted:
        page.goto(f"{console}{PAGES[name]}")
        if name in DRAWN:
            page.wait_for_selector(DRAWN[name])
        page.wait_for_timeout(700)
        page.screenshot(path=folder / f"{name}-{look.name}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > look.width:
            print(f"{look.name} {name}: the page is {wide} px wide", file=sys.stderr)
    context.close()


def main() -> None:
    """Read demo.json, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path(".meshconsole/demo.json"))
    parser.add_argument("--password", required=True, help="what `make demo` printed")
    parser.add_argument("--out", type=Path, default=Path("shots"))
    parser.add_argument("--looks", nargs="*", default=[look.name for look in LOOKS])
    parser.add_argument("pages", nargs="*", default=list(PAGES))
    given = parser.parse_args()
    if unknown := set(given.pages) - set(PAGES):
        parser.error(f"no page is called {', '.join(sorted(unknown))}: use {', '.join(PAGES)}")
    demo = json.loads(given.demo.read_text())
    given.out.mkdir(parents=True, exist_ok=True)
    login = [demo["console"].rstrip("/"), demo["user"], given.password]
    with chromium() as browser:
        for look in LOOKS:
            if look.name in given.looks:
                shoot(browser, look, given.out, given.pages or list(PAGES), login)


if __name__ == "__main__":
    main()
