"""Figures of a running demo: a click until it is active, a failure until its row, memory, bytes."""

from __future__ import annotations

import gzip
import os
import re
import signal
import statistics
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from meshconsole.demo.launch import Launched
from meshconsole.demo.mesh import GROUPS
from meshconsole.drill.figures import percentile
from meshconsole.drill.follow import Follower
from meshconsole.drill.stage import Stage
from tests.bench.table import Figure
from tests.harness.wait import eventually

CLICKS = 40
FAILURES = 5
STEADY_SECONDS = 5.0
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


def sidecar_memory(stage: Stage) -> list[Figure]:
    """RSS of the sidecars, with hardly any load."""
    sizes = [
        _rss_megabytes(process.pid)
        for process in stage.demo.processes
        if process.name.startswith("sidecar-")
    ]
    return [
        Figure(name="sidecar RSS, median of 9", value=statistics.median(sizes), unit="MB", limit=45)
    ]


def click(stage: Stage) -> list[Figure]:
    """PUT of a split until the last sidecar acknowledged it."""
    follower = Follower(stage)
    for number in range(CLICKS):
        first = 10 + number
        follower.change(dict(zip(GROUPS, (first, 100 - first), strict=True)))
    figures = [("p50", 50.0, None), ("p99", 99.0, 300.0)]
    return [
        Figure(
            name=f"weight click to all active, {name}",
            value=percentile(follower.millis, percent),
            unit="ms",
            limit=limit,
        )
        for name, percent, limit in figures
    ]


def first_load(stage: Stage) -> list[Figure]:
    """Bytes on the wire for a first visit of the overview and all it links to, gzipped."""
    page = stage.console.page("/")
    total = len(gzip.compress(page.content, 6))
    names = set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js|svg|woff2))[^"]*"', page.text))
    with httpx.Client(base_url=stage.demo.console) as http:
        for name in names:
            body = http.get(name).content
            total += len(gzip.compress(body, 6)) if not name.endswith("woff2") else len(body)
    note = f"{len(names)} files"
    return [Figure(name="first load, gzipped", value=total / 1000, unit="kB", limit=80, note=note)]


def failure_to_row(demo: Launched, stage: Stage) -> list[Figure]:
    """An instance is killed; until a browser that shows the feed has its row."""
    if not any(Path(name).exists() for name in CHROMIUM):
        return [Figure(name="failure to row in a browser", value=0, unit="ms", note="no chromium")]
    Follower(stage).change(dict(zip(GROUPS, (100, 0), strict=True)))
    millis = []
    with _feed(demo) as page:
        for number in range(FAILURES):
            instance = f"order-{(1, 3)[number % 2]}"
            _settled(stage, instance)
            known = _rows(page, instance)
            began = time.monotonic()
            for process in stage.demo.processes:
                if process.name in (instance, f"sidecar-{instance}"):
                    os.kill(process.pid, signal.SIGKILL)
            eventually(lambda: _rows(page, instance) - known, timeout=20, what="a row")  # noqa: B023
            millis.append((time.monotonic() - began) * 1000)
    return [
        Figure(
            name="failure to row in a browser, median",
            value=statistics.median(millis),
            unit="ms",
            limit=1500,
            note=f"worst {max(millis):.0f}",
        )
    ]


@contextmanager
def _feed(demo: Launched) -> Iterator[Page]:
    path = next(name for name in CHROMIUM if Path(name).exists())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page()
        page.goto(f"{demo.demo.console}/login/")
        page.fill("input[name=username]", demo.demo.user)
        page.fill("input[name=password]", demo.password)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: urllib.parse.urlsplit(url).path != "/login/")
        page.goto(f"{demo.demo.console}/feed/")
        page.wait_for_function("document.querySelector('#live').innerText.includes('live')")
        yield page
        browser.close()


def _rows(page: Page, instance: str) -> set[str]:
    """The anomalies of an instance that the browser shows."""
    rows = page.locator("#feed-rows tr", has_text=instance)
    return set(rows.evaluate_all("rows => rows.map(row => row.dataset.id)"))


def _settled(stage: Stage, instance: str) -> None:
    """The instance runs, all nine are in step, and it has served for a while."""

    def runs() -> bool:
        names = {process.name for process in stage.demo.processes}
        progress = stage.console.get("/api/v1/progress")
        is_there = {instance, f"sidecar-{instance}"} <= names
        return bool(is_there and progress["expected"] == 9 and progress["acked"] == 9)

    eventually(runs, timeout=60, what=f"{instance} runs again")
    threading.Event().wait(STEADY_SECONDS)


def _rss_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0
