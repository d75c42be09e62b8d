"""What a wave keeps of its callers grows with what went wrong, not with the edges of the mesh."""

from __future__ import annotations

from typing import Any

from meshconsole.rollouts.ledgers import came_since, counts_of, handshakes_since
from meshconsole.telemetry.links import Told
from proxy.contract.reports import LinkCounts

COHORT = [f"order-{number}" for number in range(200)]


def caller(**worst: Any) -> Told:
    """One that calls all of them; `worst` is what it says of order-7."""
    edges = tuple(
        LinkCounts(
            side="out", app="order", instance=name, protocol="http1", opened=2,
            **(worst if name == "order-7" else {}),
        )
        for name in COHORT
    )  # fmt: skip
    return Told(instance="gateway-1", app="gateway", unit="unit1", boot="b1", at=1.0, edges=edges)


def test_edges_on_which_nothing_failed_are_one_row_of_their_caller() -> None:
    counts = counts_of([caller()], COHORT)
    assert len(counts) == 1
    assert handshakes_since(counts, {}).opened == 400


def test_what_fails_on_one_of_them_later_is_told_of_that_one() -> None:
    before = counts_of([caller()], COHORT)
    now = counts_of([caller(handshakes_failed=5, cut=2)], COHORT)
    found = handshakes_since(now, before)
    assert (found.opened, found.failed, found.worst_failed) == (0, 5, 5)
    assert found.worst == "gateway-1 -> order-7"
    assert came_since(now, before).alone_cut == 2
