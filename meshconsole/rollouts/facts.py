"""What gates are told and what they say: values alone, whoever reads them from wherever."""

from __future__ import annotations

from typing import Literal

import msgspec

Word = Literal["pass", "fail", "inconclusive"]
Measure = Literal["ratio", "seconds", "count"]
MIN_REQUESTS = 500
"""Of each side, before there is a verdict; a small mesh may ask for fewer, and its page says so."""
METRICS = (
    "error_rate", "p99", "p50", "cut", "handshakes", "plaintext", "acks", "ejections", "memory",
    "cpu",
)  # fmt: skip
LEDGERED = frozenset({"cut", "handshakes", "plaintext"})
"""Told by the ledgers of links."""
HARD = frozenset({"cut", "handshakes", "plaintext"})
"""One failure of these ends a rollout; of the others two in a row do."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """Traffic of ten seconds."""

    requests: int = 0
    errors: int = 0
    latency: tuple[int, ...] = ()


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic of some instances over a span."""

    requests: int = 0
    errors: int = 0
    latency: tuple[int, ...] = ()
    """Counts in the buckets of the contract."""
    parts: tuple[Part, ...] = ()
    """The same by ten seconds; empty when it is not known so finely."""

    @property
    def error_ratio(self) -> float:
        """Failed requests of all, 0 to 1."""
        return min(1.0, self.errors / self.requests) if self.requests else 0.0


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Before and now, of the cohort and of the control group, if there is one.

    A cohort that took no requests before, such as a group that had no share, borrows the control
    group's past: its own is then the control's, and the difference is that of now.
    """

    cohort_before: Side
    cohort_now: Side
    control_before: Side | None = None
    control_now: Side | None = None


class Handshakes(msgspec.Struct, frozen=True, kw_only=True):
    """TLS handshakes at the cohort in the last minute; `worst` is the edge that failed most."""

    opened: int
    failed: int
    worst: str = ""
    worst_failed: int = 0
    alone: str = ""
    """The only one who says so, where nobody else has seen it."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """A cost per unit of work, before and now; of the control group if it is known."""

    before: float
    now: float
    control_before: float | None = None
    control_now: float | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when a wave is judged; None is not known."""

    min_requests: int = MIN_REQUESTS
    traffic: Traffic | None = None
    cut: int | None = None
    cut_of: int = 0
    """Requests that were started meanwhile."""
    alone_cut: int = 0
    """Requests that one caller says it cut, which nobody else says: not among `cut`."""
    alone: str = ""
    """That caller."""
    handshakes: Handshakes | None = None
    plaintext_share: float | None = None
    untold: tuple[str, ...] = ()
    """Those of the cohort that have not told of their links: without them nothing passes."""
    plain_refused: int = 0
    """Connections in plaintext that the cohort refused since the wave began."""
    plain_sources: tuple[str, ...] = ()
    """Addresses that the latest of them came from."""
    acked: int | None = None
    expected: int = 0
    missing: tuple[str, ...] = ()
    """Those that have not acked."""
    ejections: int | None = None
    """Instances of the cohort that several callers have found failing since the wave began."""
    alone_ejections: int = 0
    """Instances that only one caller has: not among `ejections`."""
    alone_ejector: str = ""
    """That caller, or one of them."""
    control_ejections: int = 0
    memory_per_connection: Cost | None = None
    cpu_per_request: Cost | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate says, with the numbers that it says it of; it fails above `bound`."""

    metric: str
    verdict: Word
    is_hard: bool
    measure: Measure
    value: float | None
    control: float | None
    bound: float | None
    sentence: str


def finding(
    metric: str,
    verdict: Word,
    sentence: str,
    *,
    measure: Measure,
    value: float | None = None,
    control: float | None = None,
    bound: float | None = None,
) -> Finding:
    """A finding, hard or soft by its metric."""
    return Finding(
        metric=metric,
        verdict=verdict,
        is_hard=metric in HARD,
        measure=measure,
        value=value,
        control=control,
        bound=bound,
        sentence=sentence,
    )
