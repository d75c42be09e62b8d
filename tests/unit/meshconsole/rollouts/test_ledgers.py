"""What ledgers counted since a reading: at a wave's instances and at their callers."""

from __future__ import annotations

from typing import Any

from meshconsole.rollouts.ledgers import came_since, counts_of, handshakes_since
from meshconsole.telemetry.links import Told
from proxy.contract.reports import LinkCounts, LinkState


def told(
    instance: str, *edges: LinkCounts, boot: str = "b1", plain: int = 0, forgotten: int = 0
) -> Told:
    return Told(
        instance=instance,
        app=instance.rpartition("-")[0],
        unit="unit1",
        boot=boot,
        at=1.0,
        state=LinkState(plain_requests=plain),
        edges=edges,
        forgotten=LinkCounts(side="in", app="", protocol="http1", started=forgotten)
        if forgotten
        else None,
    )


def to(instance: str, **counts: Any) -> LinkCounts:
    return LinkCounts(side="out", app="order", instance=instance, protocol="http1", **counts)


def at(**counts: Any) -> LinkCounts:
    return LinkCounts(side="in", app="gateway", protocol="http1", **counts)


def test_cuts_are_counted_at_both_ends_and_only_of_the_wave() -> None:
    before = counts_of([told("order-1", at(started=10)), told("gateway-1")], ["order-1"])
    now = counts_of(
        [
            told("order-1", at(started=40, cut=1), plain=6),
            told("gateway-1", to("order-1", cut=1), to("order-2", cut=9)),
            told("gateway-2", to("order-1", cut=1)),
            told("order-2", at(cut=5)),
        ],
        ["order-1"],
    )
    came = came_since(now, before)
    assert (came.cut, came.started, came.arrived, came.plain) == (3, 30, 30, 6)


def test_a_new_life_counts_from_nothing() -> None:
    before = counts_of([told("order-1", at(started=10, cut=4))], ["order-1"])
    lives = [told("order-1", at(started=10, cut=4)), told("order-1", at(started=3), boot="b2")]
    came = came_since(counts_of(lives, ["order-1"]), before)
    assert (came.started, came.cut) == (3, 0)


def test_what_an_instance_has_forgotten_one_by_one_is_still_counted_once() -> None:
    before = counts_of([told("order-1", at(started=10), at(started=5))], ["order-1"])
    now = counts_of([told("order-1", at(started=12), forgotten=5)], ["order-1"])
    assert came_since(now, before).started == 2


def test_the_edge_that_failed_most_is_named() -> None:
    before = counts_of([], ["order-1"])
    now = counts_of(
        [
            told("gateway-1", to("order-1", opened=10, handshakes_failed=1)),
            told("gateway-2", to("order-1", opened=5, handshakes_failed=4)),
        ],
        ["order-1"],
    )
    found = handshakes_since(now, before)
    assert (found.opened, found.failed, found.worst_failed) == (15, 5, 4)
    assert found.worst == "gateway-2 -> order-1"
    assert found.alone == ""


def test_what_one_caller_alone_says_is_its_word_however_often_it_begins_anew() -> None:
    lives = [
        told("shop-1", to("order-1", cut=2, handshakes_failed=4), boot=boot)
        for boot in ("b1", "b2")
    ]
    now = counts_of([told("order-1", at(started=10)), *lives], ["order-1"])
    came = came_since(now, {})
    assert (came.cut, came.alone_cut, came.alone) == (0, 4, "shop-1")
    assert handshakes_since(now, {}).alone == "shop-1"


def test_one_caller_is_believed_when_the_one_it_called_has_seen_as_much() -> None:
    caller = told("gateway-1", to("order-1", handshakes_failed=4))
    now = counts_of([told("order-1", at(handshakes_failed=4)), caller], ["order-1"])
    assert handshakes_since(now, {}).alone == ""
    now = counts_of([told("order-1", at(handshakes_failed=3)), caller], ["order-1"])
    assert handshakes_since(now, {}).alone == "gateway-1"


def test_an_instance_of_the_wave_is_believed_of_another_one_and_counted_once() -> None:
    both = ["order-1", "order-2"]
    edge = to("order-2", cut=1, handshakes_failed=3)
    now = counts_of([told("order-1", edge), told("order-2")], both)
    assert came_since(now, {}).cut == 1
    assert handshakes_since(now, {}).alone == ""
