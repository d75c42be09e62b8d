"""Round robin among requests that are tried again: whose turn it is belongs to first tries."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings, strategies as st

from proxy.balancer import pick
from proxy.choice import Choice, Target
from proxy.contract.snapshot import Endpoint, Service
from proxy.member import Member

WEIGHTS = st.lists(st.sampled_from((0, 100, 200, 300)), min_size=1, max_size=5)
TRIED = st.lists(st.integers(0, 4), max_size=5)
"""Who one request was tried at after its first member, as positions."""


def _choice(weights: list[int]) -> Choice:
    endpoints = tuple(
        Endpoint(id=str(n), addr=f"127.0.0.1:{n + 1}", group="g", unit="u", weight=weight)
        for n, weight in enumerate(weights)
    )
    service = Service(name="s", endpoints=endpoints, groups=("g",), balancer="round_robin")
    return Target(service, tuple(Member(service, e) for e in endpoints), None).everyone


@given(WEIGHTS, st.lists(TRIED, min_size=1, max_size=40))
def test_a_second_try_takes_nobodys_turn(weights: list[int], requests: list[list[int]]) -> None:
    choice, undisturbed = _choice(weights), _choice(weights)
    undisturbed.turn = choice.turn
    for tries in requests:
        first, expected = pick(choice), pick(undisturbed)
        assert (first and first.endpoint.id) == (expected and expected.endpoint.id)
        for n in range(len(tries)):
            tried = tuple(choice.members[at % len(weights)] for at in tries[: n + 1])
            other = pick(choice, tried)
            left = [one for one in choice.schedule if one not in tried]
            assert other in left if left else other is None


@given(WEIGHTS.filter(any), st.lists(TRIED, min_size=1, max_size=3))
@settings(max_examples=50)
def test_shares_are_exact_however_many_requests_are_tried_again(
    weights: list[int], patterns: list[list[int]]
) -> None:
    choice = _choice(weights)
    counted: Counter[str] = Counter()
    for n in range(10 * len(choice.schedule)):
        member = pick(choice)
        assert member is not None
        counted[member.endpoint.id] += 1
        tried = [choice.members[at % len(weights)] for at in patterns[n % len(patterns)]]
        pick(choice, (member, *tried))
    turns = Counter(one.endpoint.id for one in choice.schedule)
    assert counted == {id_: 10 * turn for id_, turn in turns.items()}
