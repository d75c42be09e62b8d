"""What axe-core finds on a page that shuts somebody out."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

AXE = Path(__file__).parents[1] / "vendor" / "axe-core-4.14.1" / "axe.min.js"
JUDGED = """
axe.run({runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then((run) =>
  run.violations
    .filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join(", ")}`))
"""


def faults(page: Page) -> list[str]:
    """Serious and critical ones of WCAG 2.2 A and AA, each with the elements that have it."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(JUDGED)
    return found
