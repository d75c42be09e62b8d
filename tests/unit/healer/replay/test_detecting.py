"""Stored windows judged again, by the test that sidecars use."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from healer.replay.detecting import Minute, Window, judged_again, minutes_judged, would_eject
from proxy.contract.snapshot import HealingTerms


def _window(n: int, **changes: Any) -> Window:
    window = Window(
        app="shop",
        rule="error_rate",
        seconds=10,
        n=n,
        errors={"5xx": n},
        peers_median=0.0,
        was_ejected=True,
    )
    return msgspec.structs.replace(window, **changes)


@pytest.mark.parametrize(
    ("terms", "n", "expected"),
    [
        ({}, 50, True),
        ({}, 19, False),
        ({"min_requests": 10}, 19, True),
        ({"error_floor": 0.95}, 50, False),
        ({"mode": "off"}, 50, False),
    ],
)
def test_a_window_is_sick_by_the_candidates_terms(
    terms: dict[str, Any], n: int, expected: bool
) -> None:
    assert would_eject(_window(n), HealingTerms(name="shop", **terms)) is expected


def test_failures_in_a_row_to_reach_it_need_no_rate() -> None:
    window = _window(5, rule="consecutive", errors={"connect": 5})
    assert would_eject(window, HealingTerms(name="shop"))
    assert not would_eject(window, HealingTerms(name="shop", consecutive=6))
    assert not would_eject(window, HealingTerms(name="shop", consecutive=0))


def test_peers_that_fail_too_take_the_word_away() -> None:
    assert not would_eject(_window(50, peers_median=0.5), HealingTerms(name="shop"))


def test_what_is_gained_and_lost_is_counted_by_application() -> None:
    windows = [_window(50), _window(19), _window(50, was_ejected=False), _window(5, app="till")]
    shop, till = judged_again(windows, {"shop": HealingTerms(name="shop")})
    assert (shop.windows, shop.was, shop.then, shop.gained, shop.lost) == (3, 2, 2, 1, 1)
    assert (till.app, till.then, till.lost) == ("till", 0, 1)


def test_minutes_of_traffic_are_judged_beside_their_peers() -> None:
    minutes = [
        Minute(app="shop", counts={"a": (100, 12), "b": (100, 0), "c": (100, 0)}),
        Minute(app="shop", counts={"a": (100, 60), "b": (100, 60), "c": (100, 60)}),
        Minute(app="shop", counts={"a": (100, 60), "b": (100, 0), "c": (100, 0)}),
    ]
    strict = {"shop": HealingTerms(name="shop")}
    lax = {"shop": HealingTerms(name="shop", error_floor=0.05, peer_lead=0.05)}
    judged = minutes_judged(minutes, strict, lax)[0]
    assert (judged.windows, judged.was, judged.then, judged.gained, judged.lost) == (9, 1, 2, 1, 0)
