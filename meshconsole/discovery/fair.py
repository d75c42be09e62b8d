"""What waits to be stored, taken in turns: who says much waits longer, not everybody."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """One queue for each identity, each asked for one thing in turn; bounded each and in all."""

    def __init__(self, *, each_limit: int, limit: int) -> None:
        self._each_limit = each_limit
        self._limit = limit
        self._queues: OrderedDict[str, deque[tuple[T, int]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def has_room(self, identity: str) -> bool:
        """May this identity put one more thing in?"""
        mine = self._queues.get(identity)
        return self._count < self._limit and (mine is None or len(mine) < self._each_limit)

    def put(self, identity: str, thing: T, weight: int) -> None:
        """Put a thing in that is as much work as `weight`."""
        self._queues.setdefault(identity, deque()).append((thing, weight))
        self._count += 1

    def take(self, weight: int) -> list[T]:
        """Take things up to so much work, at least one if there is any.

        Each identity's things come in the order in which it put them in.
        """
        taken: list[T] = []
        while self._queues and weight > 0:
            identity, mine = self._queues.popitem(last=False)
            thing, cost = mine.popleft()
            taken.append(thing)
            weight -= cost
            if mine:
                self._queues[identity] = mine
        self._count -= len(taken)
        return taken
