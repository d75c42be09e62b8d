"""What a part of the switchover drill has still to do."""

from __future__ import annotations

import msgspec

from meshconsole.drill.switching import Way
from meshconsole.drill.switchover import SCALE, Run

TWO = msgspec.structs.replace(SCALE, changes=2, requests=1000)
WAY = Way(to="strict", seconds=1.0)


def test_the_ways_come_first() -> None:
    assert Run(part="plain", ways=[WAY]).left(TWO, 5000) == "3 of 4 switchovers to go"


def test_then_the_requests_that_are_short_of_what_was_asked_for() -> None:
    done = Run(part="plain", ways=[WAY] * 4)
    assert done.left(TWO, 400) == "600 of 1000 requests to go"
    assert done.left(TWO, 4000) == "0 of 1000 requests to go"
