"""Which member of a choice gets the next request."""

from __future__ import annotations

import random
from collections.abc import Collection

from proxy.current import Choice, Member
from proxy.http1.heads import Request


def pick(
    choice: Choice, tried: Collection[Member] = (), _request: Request | None = None
) -> Member | None:
    """One that was not tried yet, or None when there is none.

    `round_robin` takes turns by weight; `least_request` draws two turns and takes the member with
    fewer requests in flight for its weight (the power of two choices: Mitzenmacher, 2001).
    """
    turns = choice.schedule
    n = len(turns)
    if n == 0:
        return None
    if n > 1 and choice.target.service.balancer == "least_request":
        member = _lighter(turns[_draw(n)], turns[_draw(n)])
    else:
        choice.turn = turn = (choice.turn + 1) % n
        member = turns[turn]
    if tried and member in tried:
        return next((other for other in choice.members if _is_open(other, tried)), None)
    return member


def _lighter(one: Member, other: Member) -> Member:
    load = (one.stats.in_flight + 1) * other.endpoint.weight
    return one if load <= (other.stats.in_flight + 1) * one.endpoint.weight else other


def _draw(n: int) -> int:
    return int(random.random() * n)  # noqa: S311


def _is_open(member: Member, tried: Collection[Member]) -> bool:
    return member not in tried and member.endpoint.weight > 0
