"""The counted drills, small: nothing is lost, repeated or mixed while processes change places."""

from __future__ import annotations

from meshconsole.drill import handover, soak
from meshconsole.drill.stage import Scale


def test_twenty_thousand_requests_over_two_upgrades_and_two_that_fail() -> None:
    said: list[str] = []
    scale = Scale(requests=20_000, changes=2, concurrency=24, rate=1500.0)
    figures = handover.run(said.append, scale)
    assert figures.short == [], (figures.values, said)
    assert figures.values["handovers_under_load"] == 2


def test_reloads_swaps_churn_and_handovers_under_load() -> None:
    said: list[str] = []
    scale = Scale(requests=60_000, changes=24, concurrency=24, rate=0.0)
    figures = soak.run(said.append, scale)
    assert figures.short == [], (figures.values, said)
    assert figures.values["generations"] == 5
