"""Tallies told as figures: rates per second, ratios and quantiles over what was covered."""

from __future__ import annotations

import msgspec

from meshconsole.telemetry import histogram
from meshconsole.telemetry.tally import Tally


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic over a span. Ratios are 0 to 1; quantiles are None where nothing was answered."""

    requests: int
    """Counted in the span."""
    requests_per_second: float
    error_count: int
    error_ratio: float
    errors: dict[str, int]
    """By class: connect, timeout, 5xx, protocol."""
    status: dict[str, int]
    """Answers by class: 2xx, 4xx, ..."""
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    encrypted_ratio: float
    bytes_in_per_second: float
    bytes_out_per_second: float


class Span(msgspec.Struct, frozen=True):
    """What was looked at: epoch seconds; `begin` is where the data begins."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """Length of what was covered; 0 without data."""
        return max(0.0, self.end - self.begin)


def figures_of(tally: Tally, span: Span) -> Figures:
    """The figures of a tally that was counted over `span`."""
    seconds = span.seconds
    per_second = 1 / seconds if seconds > 0 else 0.0
    requests = tally.requests
    errors = tally.error_count
    return Figures(
        requests=requests,
        requests_per_second=requests * per_second,
        error_count=errors,
        error_ratio=min(1.0, errors / requests) if requests else float(errors > 0),
        errors=tally.error_counts(),
        status=tally.status_counts(),
        p50_seconds=histogram.quantile(tally.latency, 0.50),
        p95_seconds=histogram.quantile(tally.latency, 0.95),
        p99_seconds=histogram.quantile(tally.latency, 0.99),
        encrypted_ratio=tally.encrypted / requests if requests else 0.0,
        bytes_in_per_second=tally.bytes_in * per_second,
        bytes_out_per_second=tally.bytes_out * per_second,
    )


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one caller (application, unit, group) to one interface of a group, as it saw them.

    An empty `source_app` is the world outside of the mesh; those figures are the callee's.
    """

    source_app: str
    source_unit: str
    source_group: str
    app: str
    unit: str
    group: str
    interface: str
    encrypted: bool
    figures: Figures


class ApplicationTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """One application's requests; `figures` count also those that never reached an instance."""

    app: str
    figures: Figures
    callers: Figures
    """The same requests as the calling sidecars saw them; all 0 when none is in the mesh."""


class InstanceTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What one instance took in, as its own sidecar saw it."""

    instance: str
    app: str
    unit: str
    group: str
    figures: Figures


class InterfaceTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """One interface's requests, as its application's sidecars saw them."""

    app: str
    interface: str
    figures: Figures


class GroupTraffic(msgspec.Struct, frozen=True, kw_only=True):
    """What callers in the mesh send to one group of an application."""

    group: str
    requests_per_second: float
    share: float
    """Of all that they send to the application, 0 to 1."""
    caller_count: int
    """Distinct (application, unit, group) of callers."""


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Ten seconds of a series."""

    at: float
    """Begin, epoch seconds."""
    requests_per_second: float
    error_ratio: float
    p95_seconds: float | None
    encrypted_ratio: float | None = None
    """None without requests."""
