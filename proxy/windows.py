"""Traffic counted per edge and interface: slots on small objects, emptied once a second."""

from __future__ import annotations

from bisect import bisect_left
from typing import Literal

from proxy.contract.reports import LATENCY_BOUNDS_SECONDS, LATENCY_BUCKETS, EdgeWindow, ErrorClass

Side = Literal["in", "out"]
EdgeKey = tuple[Side, str, str, str, str, bool]
"""side, app, unit, group, interface, encrypted."""

EDGES_LIMIT = 4096
"""Edges counted apart; those beyond share one edge called `other`, so memory stays bounded."""


SUMS = (
    "bytes_in", "bytes_out", "connect", "latency_sum", "protocol", "requests", "s2xx", "s3xx",
    "s4xx", "s5xx", "server_error", "timeout",
)  # fmt: skip
"""The numbers of an edge, without its histogram."""


class Counts:
    """What happened on one edge and interface since it was last emptied."""

    __slots__ = ("latency", *SUMS)

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin at zero."""
        self.requests = 0
        self.connect = 0
        self.timeout = 0
        self.server_error = 0
        self.protocol = 0
        self.s2xx = 0
        self.s3xx = 0
        self.s4xx = 0
        self.s5xx = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.latency_sum = 0.0
        self.latency = [0] * LATENCY_BUCKETS

    def observe(
        self, status: int, error: ErrorClass | None, seconds: float, bytes_in: int, bytes_out: int
    ) -> None:
        """Count one finished request; status 0 is a caller that left before its answer."""
        self.requests += 1
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        if status >= 200:  # how long a tunnel's peers talked is no latency
            self.latency[bisect_left(LATENCY_BOUNDS_SECONDS, seconds)] += 1
            self.latency_sum += seconds
        if 200 <= status < 300:
            self.s2xx += 1
        elif status >= 500:
            self.s5xx += 1
        elif status >= 400:
            self.s4xx += 1
        elif status >= 300:
            self.s3xx += 1
        if error is not None:
            self._fail(error)

    def _fail(self, error: ErrorClass) -> None:
        if error == "5xx":
            self.server_error += 1
        elif error == "connect":
            self.connect += 1
        elif error == "timeout":
            self.timeout += 1
        else:
            self.protocol += 1

    def errors(self) -> dict[ErrorClass, int]:
        """Failures by class, only those that happened."""
        counted: dict[ErrorClass, int] = {
            "connect": self.connect,
            "timeout": self.timeout,
            "5xx": self.server_error,
            "protocol": self.protocol,
        }
        return {error: n for error, n in counted.items() if n}

    def statuses(self) -> dict[str, int]:
        """Answers by class, only those that happened."""
        counted = {"2xx": self.s2xx, "3xx": self.s3xx, "4xx": self.s4xx, "5xx": self.s5xx}
        return {status: n for status, n in counted.items() if n}

    def take(self, window: EdgeWindow) -> None:
        """Add what another process has counted."""
        errors, status = window.errors, window.status
        self.requests += window.requests
        self.connect += errors.get("connect", 0)
        self.timeout += errors.get("timeout", 0)
        self.server_error += errors.get("5xx", 0)
        self.protocol += errors.get("protocol", 0)
        self.s2xx += status.get("2xx", 0)
        self.s3xx += status.get("3xx", 0)
        self.s4xx += status.get("4xx", 0)
        self.s5xx += status.get("5xx", 0)
        self.bytes_in += window.bytes_in
        self.bytes_out += window.bytes_out
        self.latency_sum += window.latency_sum_seconds
        for at, n in enumerate(window.latency):
            self.latency[at] += n

    def add(self, other: Counts) -> None:
        """Add what another has counted."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latency = [mine + more for mine, more in zip(self.latency, other.latency, strict=True)]


class Windows:
    """Every edge's counts: the open second for the console, and the sum of all for /metrics."""

    def __init__(self) -> None:
        self._open: dict[EdgeKey, Counts] = {}
        self._sums: dict[EdgeKey, Counts] = {}

    def counts(
        self, side: Side, app: str, unit: str, group: str, interface: str, encrypted: bool
    ) -> Counts:
        """The counts of one edge. The object stays the same for ever, so callers may keep it."""
        key = (side, app, unit, group, interface, encrypted)
        found = self._open.get(key)
        if found is None:
            if len(self._open) >= EDGES_LIMIT:
                key = (side, "other", "other", "other", "other", encrypted)
            found = self._open.setdefault(key, Counts())
        return found

    def add(self, window: EdgeWindow) -> None:
        """Count what another process has counted."""
        counts = self.counts(
            window.side, window.app, window.unit, window.group, window.interface, window.encrypted
        )
        counts.take(window)

    def drain(self) -> list[EdgeWindow]:
        """What was counted since the last call, and start from zero; idle edges are left out."""
        windows = []
        for key, counts in self._open.items():
            if counts.requests or counts.bytes_in or counts.bytes_out:
                windows.append(_window(key, counts))
                self._sums.setdefault(key, Counts()).add(counts)
                counts.clear()
        return windows

    def totals(self) -> list[EdgeWindow]:
        """Everything counted since the process began, per edge."""
        totals = []
        for key, counts in self._open.items():
            total = Counts()
            total.add(counts)
            if key in self._sums:
                total.add(self._sums[key])
            if total.requests or total.bytes_in or total.bytes_out:
                totals.append(_window(key, total))
        return totals


def _window(key: EdgeKey, counts: Counts) -> EdgeWindow:
    side, app, unit, group, interface, encrypted = key
    return EdgeWindow(
        side=side,
        app=app,
        unit=unit,
        group=group,
        interface=interface,
        encrypted=encrypted,
        requests=counts.requests,
        errors=counts.errors(),
        status=counts.statuses(),
        latency=list(counts.latency) if any(counts.latency) else [],
        latency_sum_seconds=counts.latency_sum,
        bytes_in=counts.bytes_in,
        bytes_out=counts.bytes_out,
    )
