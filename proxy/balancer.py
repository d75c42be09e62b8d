"""Which member of a choice gets the next request."""

from __future__ import annotations

import random
from collections.abc import Collection

from proxy.balancing.keys import place_of
from proxy.balancing.weights import STEPS
from proxy.choice import BY_KEY, IN_TURN, PROBING, Choice
from proxy.http1.heads import Request
from proxy.member import Member
from proxy.retrying import REPEATABLE

DRAWS = 4
"""Tries to draw somebody else; with a third of the shares left, four in five succeed."""


def pick(
    choice: Choice,
    tried: Collection[Member] = (),
    request: Request | None = None,
    trace_id: bytes = b"",
) -> Member | None:
    """One that was not tried yet, or None when there is none.

    `round_robin` takes turns by weight; a request that was tried already draws one, and takes
    nobody's turn. `least_request` draws two turns and takes the member with fewer requests in
    flight for its weight (the power of two choices: Mitzenmacher, 2001).
    `ring_hash` and `maglev` take the member that the request's key belongs to, or its trace
    without one; when it was tried, the next that the key prefers. So it is for the keys of one that
    is ejected, and for some of the keys of one that returns; all others stay where they are.
    """
    turns = choice.schedule
    n = len(turns)
    if n == 0:
        return None
    how = choice.how
    if how == IN_TURN:
        if tried:
            return _another(choice, tried)
        choice.turn = turn = (choice.turn + 1) % n
        return turns[turn]
    if how == BY_KEY:
        return _preferred(choice, tried, request, trace_id)
    if how == PROBING:
        return _probed(choice, tried, request, trace_id)
    member = _lighter(choice, turns[_draw(n)], turns[_draw(n)])
    if tried and member in tried:
        return _another(choice, tried)
    return member


def would_pick(choice: Choice, request: Request, trace_id: bytes) -> Member | None:
    """The member that `pick` would answer, without taking its turn."""
    turn, how = choice.turn, choice.how
    choice.how = choice.usual
    try:
        return pick(choice, (), request, trace_id)
    finally:
        choice.turn, choice.how = turn, how


def _probed(
    choice: Choice, tried: Collection[Member], request: Request | None, trace_id: bytes
) -> Member | None:
    """The ejected member that may be tried, if the request can be sent again; else as usual."""
    member = choice.probe
    if member is not None and request is not None and not tried and _can_repeat(request):
        choice.target.offer(None)
        return member
    choice.how = choice.usual
    try:
        return pick(choice, tried, request, trace_id)
    finally:
        choice.how = PROBING


def _can_repeat(request: Request) -> bool:
    return request.method in REPEATABLE and not request.length


def _lighter(choice: Choice, one: Member, other: Member) -> Member:
    """Who has less to do for its share; the first drawn of equals, so that shares hold at rest."""
    shares = choice.counting
    load = one.stats.in_flight * shares[other]
    return one if load <= other.stats.in_flight * shares[one] else other


def _preferred(
    choice: Choice, tried: Collection[Member], request: Request | None, trace_id: bytes
) -> Member | None:
    members = choice.members
    if tried and choice.counting.keys() <= set(tried):
        return _outside(choice, tried)
    key = choice.target.key(request) if request is not None else None
    place, fallback = place_of(key or trace_id), None
    for at in choice.hashed().walk(place):
        member = members[at]
        if member in tried:
            continue
        if not choice.is_reduced or place % STEPS < member.steps:
            return member
        if fallback is None and member.steps:
            fallback = member
    return fallback


def _another(choice: Choice, tried: Collection[Member]) -> Member | None:
    """Somebody else: a turn is drawn, so that one's load does not fall on one other. When only
    who was tried is drawn, whoever comes next does."""
    turns = choice.schedule
    n = len(turns)
    for _ in range(DRAWS):
        member = turns[_draw(n)]
        if member not in tried:
            return member
    begin = _draw(n)
    for at in range(begin - n, begin):
        if turns[at] not in tried:
            return turns[at]
    return _outside(choice, tried)


def _outside(choice: Choice, tried: Collection[Member]) -> Member | None:
    """One that has no turn just now because the caller's own unit has them all."""
    members = choice.members
    begin = _draw(len(members))
    for at in range(begin - len(members), begin):
        member = members[at]
        able = member.steps or choice.is_panicking
        if able and member not in tried and member.endpoint.weight > 0:
            return member
    return None


def _draw(n: int) -> int:
    return int(random.random() * n)  # noqa: S311
