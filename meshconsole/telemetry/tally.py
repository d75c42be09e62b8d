"""What is counted of traffic: one tally per edge or instance, added up without a loss."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable

import msgspec

from meshconsole.telemetry import histogram
from proxy.contract.reports import LATENCY_BUCKETS, EdgeWindow, ErrorClass

ERROR_CLASSES: tuple[ErrorClass, ...] = ("connect", "timeout", "5xx", "protocol")
STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
_COUNT_LIMIT = 10**9
_BYTES_LIMIT = 10**15
_SECONDS_LIMIT = 1e9


class Tally(msgspec.Struct, array_like=True, gc=False):
    """Counts of requests; `errors` and `status` in the order of their classes above."""

    requests: int = 0
    encrypted: int = 0
    errors: list[int] = msgspec.field(default_factory=lambda: [0] * len(ERROR_CLASSES))
    status: list[int] = msgspec.field(default_factory=lambda: [0] * len(STATUS_CLASSES))
    latency: list[int] = []
    latency_sum_seconds: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0

    def add(self, other: Tally) -> None:
        """Count what `other` has counted as well."""
        self._move(other, operator.add)

    def subtract(self, other: Tally) -> None:
        """Take away what was added before."""
        self._move(other, operator.sub)

    def _move(self, other: Tally, move: Callable[[float, float], float]) -> None:
        self.requests = int(move(self.requests, other.requests))
        self.encrypted = int(move(self.encrypted, other.encrypted))
        if any(other.errors):
            self.errors = list(map(move, self.errors, other.errors))  # type: ignore[arg-type]
        self.status = list(map(move, self.status, other.status))  # type: ignore[arg-type]
        if other.latency:
            mine = self.latency or histogram.empty()
            self.latency = list(map(move, mine, other.latency))  # type: ignore[arg-type]
            self.latency_sum_seconds = move(self.latency_sum_seconds, other.latency_sum_seconds)
        self.bytes_in = int(move(self.bytes_in, other.bytes_in))
        self.bytes_out = int(move(self.bytes_out, other.bytes_out))

    @property
    def is_empty(self) -> bool:
        """Is there nothing counted?"""
        counts = (self.requests, self.encrypted, self.bytes_in, self.bytes_out)
        return not any((*counts, *self.errors, *self.status, *self.latency))

    @property
    def error_count(self) -> int:
        """Failures of every class."""
        return sum(self.errors)

    def error_counts(self) -> dict[str, int]:
        """Failures by class, those that occurred."""
        return {kind: n for kind, n in zip(ERROR_CLASSES, self.errors, strict=True) if n}

    def status_counts(self) -> dict[str, int]:
        """Answers by status class, those that occurred."""
        return {kind: n for kind, n in zip(STATUS_CLASSES, self.status, strict=True) if n}


def total_of(tallies: Iterable[Tally]) -> Tally:
    """One tally of all of them."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def tally_of(window: EdgeWindow) -> Tally | None:
    """Read a sidecar's window; None when its numbers cannot be true."""
    errors = [window.errors.get(kind, 0) for kind in ERROR_CLASSES]
    status = [window.status.get(kind, 0) for kind in STATUS_CLASSES]
    latency = window.latency
    if len(latency) not in (0, LATENCY_BUCKETS):
        return None
    counts = (window.requests, *errors, *status, *latency)
    if min(counts) < 0 or max(counts) > _COUNT_LIMIT:
        return None
    if not (0 <= window.bytes_in <= _BYTES_LIMIT and 0 <= window.bytes_out <= _BYTES_LIMIT):
        return None
    seconds = window.latency_sum_seconds
    if not (math.isfinite(seconds) and 0 <= seconds <= _SECONDS_LIMIT):
        return None
    return Tally(
        requests=window.requests,
        encrypted=window.requests if window.encrypted else 0,
        errors=errors,
        status=status,
        latency=list(latency),
        latency_sum_seconds=seconds,
        bytes_in=window.bytes_in,
        bytes_out=window.bytes_out,
    )
