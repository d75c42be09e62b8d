"""Shares that change with time: slow start, the own unit, and what a swap leaves alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from proxy.balancer import pick
from proxy.contract.snapshot import Balancer, Endpoint, Service, Snapshot
from proxy.current import Choice, Current, Member
from proxy.http1.heads import parse_request

ROUND = 420


def _endpoint(name: str, weight: int = 100, unit: str = "unit1", group: str = "g") -> Endpoint:
    return Endpoint(id=name, addr=f"127.0.0.1:{ord(name)}", group=group, unit=unit, weight=weight)


def _snapshot(*endpoints: Endpoint, **fields: Any) -> Snapshot:
    service = Service(name="s", endpoints=endpoints, groups=("g", "h"), **fields)
    return Snapshot(service={"s": service})


def _everyone(current: Current) -> Choice:
    return current.table.targets["s"].everyone


def _shares(current: Current, n: int = ROUND) -> dict[str, float]:
    choice = _everyone(current)
    counted: Counter[str] = Counter()
    for _ in range(n):
        member = pick(choice)
        assert member is not None
        counted[member.endpoint.id] += 1
    return {name: times / n for name, times in counted.items()}


@pytest.mark.parametrize("balancer", ["round_robin", "least_request"])
def test_a_new_endpoint_warms_up(balancer: Balancer) -> None:
    current = Current()
    fields: dict[str, Any] = {"slow_start_seconds": 30.0, "balancer": balancer}
    current.swap(_snapshot(_endpoint("a"), **fields), 1, now=1000.0)
    current.swap(_snapshot(_endpoint("a"), _endpoint("b"), **fields), 2, now=2000.0)
    tolerance = 0.001 if balancer == "round_robin" else 0.03
    for now, share in ((2000.0, 1 / 11), (2015.0, 1 / 3), (2030.0, 1 / 2), (2099.0, 1 / 2)):
        current.table.adjust(now)
        given = _shares(current, 11 * 3 * 2 * 100)["b"]
        assert abs(given - share) < tolerance


def test_a_warm_up_goes_on_over_a_swap_and_ends() -> None:
    current = Current()
    old, new = _endpoint("a"), _endpoint("b")
    current.swap(_snapshot(old, slow_start_seconds=30.0), 1, now=0.5)
    current.swap(_snapshot(old, new, slow_start_seconds=30.0), 2, now=10.0)
    current.swap(_snapshot(old, new, slow_start_seconds=30.0, retries=1), 3, now=25.0)
    assert abs(_shares(current)["b"] - 1 / 3) < 0.01
    laid_out = _everyone(current).schedule
    current.table.adjust(25.2)
    assert _everyone(current).schedule is laid_out, "nothing is laid out again within a step"
    current.table.adjust(50.0)
    assert _shares(current)["b"] == 0.5
    assert not current.table._changing


def test_an_endpoint_that_returns_from_weight_0_warms_up() -> None:
    current = Current()
    fields = {"slow_start_seconds": 30.0}
    current.swap(_snapshot(_endpoint("a"), _endpoint("b", 0), **fields), 1, now=0.5)
    current.swap(_snapshot(_endpoint("a"), _endpoint("b"), **fields), 2, now=10.0)
    assert abs(_shares(current)["b"] - 1 / 11) < 0.01


def test_when_all_are_new_nobody_warms_up() -> None:
    current = Current()
    both = (_endpoint("a"), _endpoint("b"))
    current.swap(_snapshot(*both, slow_start_seconds=30.0), 1, now=5.0)
    assert _shares(current) == {"a": 0.5, "b": 0.5}
    others = (_endpoint("c"), _endpoint("d"))
    current.swap(_snapshot(*others, slow_start_seconds=30.0), 2, now=9.0)
    assert _shares(current) == {"c": 0.5, "d": 0.5}


def test_the_own_unit_is_preferred_and_spills_over_when_it_cannot_carry_all() -> None:
    current = Current(unit="unit1")
    near, far = _endpoint("a"), _endpoint("x", unit="unit2")
    current.swap(_snapshot(near, far, locality="prefer"), 1, now=1.0)
    assert _shares(current) == {"a": 1.0}
    current.swap(_snapshot(near, _endpoint("b", 0), far, locality="prefer"), 2, now=1.0)
    assert _shares(current, 100) == {"a": 0.7, "x": 0.3}
    current.swap(_snapshot(_endpoint("a", 0), far, locality="prefer"), 3, now=1.0)
    assert _shares(current) == {"x": 1.0}


def test_an_endpoint_that_rests_counts_as_lost_to_its_unit_until_it_is_reached() -> None:
    current = Current(unit="unit1")
    near, other, far = _endpoint("a"), _endpoint("b"), _endpoint("x", unit="unit2")
    current.swap(_snapshot(near, other, far, locality="prefer"), 1, now=1.0)
    member = current.table.members["s", "a", "127.0.0.1:97"]
    member.not_reached(5.0, "refused")
    current.table.adjust(5.01)
    assert _shares(current, 200)["x"] == 0.3
    current.table.adjust(7.0)
    assert _shares(current) == {"a": 0.5, "b": 0.5}


def test_units_do_not_matter_unless_the_service_says_so_and_the_sidecar_knows_its_own() -> None:
    near, far = _endpoint("a"), _endpoint("x", unit="unit2")
    for current, locality in ((Current(unit="unit1"), "any"), (Current(), "prefer")):
        current.swap(_snapshot(near, far, locality=locality), 1)
        assert _shares(current) == {"a": 0.5, "x": 0.5}


def test_who_was_tried_is_passed_over_in_the_own_unit_first() -> None:
    current = Current(unit="unit1")
    both = (
        _endpoint("a"),
        _endpoint("b"),
        _endpoint("x", unit="unit2"),
        _endpoint("y", 0, "unit2"),
    )
    current.swap(_snapshot(*both, locality="prefer"), 1)
    a, b, x, _ = _everyone(current).members
    for _ in range(20):
        assert pick(_everyone(current), (a,)) is b
        assert pick(_everyone(current), (a, b)) is x
        assert pick(_everyone(current), (a, b, x)) is None


@pytest.mark.parametrize("balancer", ["ring_hash", "maglev"])
def test_a_key_keeps_its_endpoint_over_swaps_and_the_table_is_made_once(balancer: Balancer) -> None:
    current = Current()
    three = tuple(_endpoint(name) for name in "abc")
    fields: dict[str, Any] = {"balancer": balancer, "hash_on": "header:x-account"}
    current.swap(_snapshot(*three, **fields), 1)
    requests = [
        parse_request(b"GET / HTTP/1.1\r\nHost: s\r\nx-account: %d\r\n\r\n" % n) for n in range(50)
    ]
    before = [pick(_everyone(current), (), request, b"t") for request in requests]
    made = _everyone(current).hashed()
    current.swap(_snapshot(*three, **fields, retries=0), 2)
    assert [pick(_everyone(current), (), request, b"u") for request in requests] == before
    assert _everyone(current).hashed() is made
    assert {member.endpoint.id for member in before if member} == {"a", "b", "c"}
    current.swap(_snapshot(*three[:2], **fields), 3)
    assert _everyone(current).hashed() is not made


@pytest.mark.parametrize("balancer", ["ring_hash", "maglev"])
def test_without_its_key_a_request_goes_by_its_trace(balancer: Balancer) -> None:
    current = Current()
    current.swap(_snapshot(*map(_endpoint, "abc"), balancer=balancer, hash_on="cookie:sid"), 1)
    choice = _everyone(current)
    request = parse_request(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
    by_trace = [pick(choice, (), request, b"%032x" % n) for n in range(50)]
    assert by_trace == [pick(choice, (), None, b"%032x" % n) for n in range(50)]
    assert set(by_trace) == set(choice.members)


@pytest.mark.parametrize("balancer", ["ring_hash", "maglev"])
def test_whoever_was_tried_is_followed_by_the_next_that_the_key_prefers(balancer: Balancer) -> None:
    current = Current()
    current.swap(_snapshot(*map(_endpoint, "abc"), _endpoint("z", 0), balancer=balancer), 1)
    choice = _everyone(current)
    for n in range(20):
        order: list[Member] = []
        while (member := pick(choice, tuple(order), None, b"%d" % n)) is not None:
            order.append(member)
        assert {one.endpoint.id for one in order} == {"a", "b", "c"}
        assert pick(choice, (order[0],), None, b"%d" % n) is order[1]
