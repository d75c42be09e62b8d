"""What sidecars tell the console: windows of traffic, and anomalies worth a person's look."""

from __future__ import annotations

from typing import Literal

import msgspec

from proxy.contract.numbers import Count, Seconds

LATENCY_BOUNDS_SECONDS: tuple[float, ...] = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Upper bounds of the latency buckets: OpenTelemetry's HTTP advice, and two below it for a mesh
whose hops take milliseconds. One more bucket holds what is slower than the last."""

LATENCY_BUCKETS = len(LATENCY_BOUNDS_SECONDS) + 1

ErrorClass = Literal["connect", "timeout", "5xx", "protocol"]


class EdgeWindow(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Traffic of one edge and interface in one window, as one side of it saw it.

    side `out`: this sidecar called `app`; side `in`: this sidecar's application was called
    (`app`, `unit`, `group` are then its own).
    """

    side: Literal["out", "in"]
    app: str
    unit: str
    group: str
    interface: str
    encrypted: bool = False
    requests: Count = 0
    errors: dict[ErrorClass, Count] = {}
    status: dict[str, Count] = {}
    """Answers by class: `2xx`, `3xx`, `4xx`, `5xx`."""
    latency: list[Count] = []
    """LATENCY_BUCKETS counts; empty when nothing was answered."""
    latency_sum_seconds: Seconds = 0.0
    bytes_in: Count = 0
    """Request body bytes."""
    bytes_out: Count = 0
    """Response body bytes."""


class Subject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The instance an anomaly is about."""

    instance: str
    address: str
    app: str
    unit: str
    group: str = ""


class AnomalySample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One failed request: enough to find it, nothing of its payload."""

    error: ErrorClass
    detail: str = ""
    elapsed_seconds: Seconds = 0.0
    trace_id: str = ""


class AnomalyReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A caller says of one of its own upstreams: it fails, or it has recovered."""

    id: str
    """Stable through every resend, also after the reporter restarted; the key to dedupe on."""
    subject: Subject
    phase: Literal["failing", "recovered"]
    rule: str
    """What was noticed, such as `connect`."""
    window_start: Seconds
    window_end: Seconds
    n: Count
    """Attempts in the window."""
    errors: dict[ErrorClass, Count] = {}
    interfaces: tuple[str, ...] = ()
    samples: tuple[AnomalySample, ...] = ()
    digest: str = ""
    """The snapshot in force at the reporter."""
