"""Which request comes next and when: a seeded Poisson stream over the gateway's interfaces."""

from __future__ import annotations

import random

import msgspec


class Shot(msgspec.Struct, frozen=True):
    """One request to send."""

    method: str
    path: str
    body: bytes = b""


class Mix:
    """The same seed gives the same requests at the same times."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def gap_seconds(self, rate: float) -> float:
        """Time until the next request at `rate` per second."""
        return self._dice.expovariate(rate)

    def next(self) -> Shot:
        """The next request: browsing mostly, then buying, then a transfer now and then."""
        draw = self._dice.random()
        if draw < 0.55:
            return Shot("GET", f"/browse?page={self._dice.randrange(500)}")
        if draw < 0.90:
            return Shot("POST", "/checkout", b'{"sku":"A-%d"}' % self._dice.randrange(100))
        return Shot("POST", "/transfer", b'{"from":"unit1","to":"unit2"}')

    def trace_parent(self) -> str:
        """A fresh W3C trace header."""
        return f"00-{self._dice.getrandbits(128):032x}-{self._dice.getrandbits(64):016x}-01"
