"""Turns by weight, or the lighter of two."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.balancer import pick
from proxy.contract.snapshot import Balancer, Endpoint, Service
from proxy.current import Choice, Member, Target


def _choice(balancer: Balancer, *weights: int) -> Choice:
    endpoints = tuple(
        Endpoint(id=str(n), addr=f"127.0.0.1:{n + 1}", group="g", unit="u", weight=weight)
        for n, weight in enumerate(weights)
    )
    service = Service(name="s", endpoints=endpoints, groups=("g",), balancer=balancer)
    return Target(service, tuple(Member(service, e) for e in endpoints), None).everyone


def _counted(choice: Choice, n: int) -> list[int]:
    counted = Counter(pick(choice) for _ in range(n))
    return [counted[member] for member in choice.members]


def test_round_robin_is_exact() -> None:
    assert _counted(_choice("round_robin", 100, 100, 100), 300) == [100, 100, 100]
    assert _counted(_choice("round_robin", 300, 100, 0), 400) == [300, 100, 0]


def test_least_request_keeps_weights_while_nobody_is_busy() -> None:
    heavy, light, nobody = _counted(_choice("least_request", 300, 100, 0), 8000)
    assert abs(heavy - 6000) < 300
    assert nobody == 0
    assert heavy + light == 8000


def test_least_request_holds_busy_members_to_their_weights() -> None:
    choice = _choice("least_request", 300, 100)
    choice.members[0].stats.in_flight = 20
    choice.members[1].stats.in_flight = 10
    heavy, light = _counted(choice, 1000)
    assert heavy > 850 > light


def test_the_load_of_who_was_tried_does_not_fall_on_one_other() -> None:
    choice = _choice("round_robin", 100, 100, 100, 100)
    first, *others = choice.members
    counted = Counter(pick(choice, (first,)) for _ in range(3000))
    assert min(counted[other] for other in others) > 600


def test_least_request_prefers_who_has_less_to_do() -> None:
    choice = _choice("least_request", 100, 100)
    choice.members[0].stats.in_flight = 50
    busy, free = _counted(choice, 1000)
    assert busy < 400 < free


@pytest.mark.parametrize("balancer", ["round_robin", "least_request"])
def test_who_was_tried_is_not_picked_again(balancer: Balancer) -> None:
    choice = _choice(balancer, 100, 100, 0)
    first, second, without_weight = choice.members
    for _ in range(20):
        assert pick(choice, (first,)) is second
    assert pick(choice, (first, second)) is None
    assert without_weight not in {pick(choice) for _ in range(50)}


def test_nobody_is_picked_from_nobody() -> None:
    assert pick(_choice("round_robin")) is None
    assert pick(_choice("least_request", 0)) is None
