"""How much one identity may ask: a token bucket, no clock inside."""

from __future__ import annotations

import threading
from collections import OrderedDict


class Bucket:
    """Allows `burst` at once and `rate` per second after that."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float, cost: float = 1.0) -> bool:
        """Take one, or as many as something long costs, if there are so many."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True

    def wait_seconds(self, cost: float = 1.0) -> float:
        """How long until there are so many, as of the last `take`."""
        return max(0.0, cost - self._tokens) / self._rate


class Quotas:
    """A bucket for each identity, for threads; who has not been here for longest is forgotten."""

    def __init__(self, *, rate: float, burst: float, limit: int = 10_000) -> None:
        self._rate = rate
        self._burst = burst
        self._limit = limit
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, identity: str, now: float, cost: float = 1.0) -> float:
        """Take so many; returns 0, or the seconds to wait when there are not so many."""
        with self._lock:
            bucket = self._buckets.pop(identity, None)
            if bucket is None:
                bucket = Bucket(rate=self._rate, burst=self._burst, now=now)
            self._buckets[identity] = bucket
            if len(self._buckets) > self._limit:
                self._buckets.popitem(last=False)
            return 0.0 if bucket.take(now, cost) else bucket.wait_seconds(cost)
