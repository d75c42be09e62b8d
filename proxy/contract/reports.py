"""What sidecars tell the console: windows of traffic, anomalies, and whom they leave out."""

from __future__ import annotations

from typing import Literal

import msgspec

from proxy.contract.numbers import Count, Rate, Seconds
from proxy.contract.snapshot import EjectionMode, TlsMode

LATENCY_BOUNDS_SECONDS: tuple[float, ...] = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""Upper bounds of the latency buckets: OpenTelemetry's HTTP advice, and two below it for a mesh
whose hops take milliseconds. One more bucket holds what is slower than the last."""

LATENCY_BUCKETS = len(LATENCY_BOUNDS_SECONDS) + 1

ErrorClass = Literal["connect", "timeout", "5xx", "protocol"]
Scope = Literal["instance", "service", "reporter"]
"""Who is to blame: one endpoint, what its service's endpoints share, or the caller itself."""
EjectionState = Literal["ejected", "probing", "returning"]
"""Left out for a time; asked one request at a time; given its share back bit by bit."""


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


class Peers(msgspec.Struct, frozen=True, kw_only=True):
    """How the other endpoints of the service that had enough requests to be judged are doing."""

    count: Count
    median: Rate
    """Of their error rates."""
    pooled: Rate
    """Their errors by their requests."""


class Ejection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An endpoint that a caller leaves out, or would leave out if its mode let it."""

    id: str
    """Stable from the first ejection to the end of the return, whatever comes in between."""
    service: str
    instance: str
    address: str
    unit: str
    group: str = ""
    rule: str
    """What was noticed; see `AnomalyReport.rule`."""
    times: Count = 1
    """How often in a row; each more doubles the time."""
    since: Seconds
    until: Seconds
    """Then it is probed."""
    mode: EjectionMode
    """What is done: `report` nothing, `weight` a small share is left to it, `eject` no share."""
    state: EjectionState = "ejected"


class AnomalyReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A caller says of one of its own upstreams: it fails, or it has recovered.

    With another scope than `instance` the subject is only the one whose numbers are told; with
    `reporter` the caller doubts itself.
    """

    id: str
    """Stable through every resend, also after the reporter restarted; the key to dedupe on."""
    subject: Subject
    phase: Literal["failing", "recovered"]
    rule: str
    """What was noticed: an error class, when nothing was decided; `consecutive` failures to reach
    it; its `error_rate`, or its `latency`, beside its peers'; a fault of the whole `service`, or of
    the `reporter`."""
    scope: Scope = "instance"
    window_start: Seconds
    window_end: Seconds
    n: Count
    """Attempts in the window."""
    errors: dict[ErrorClass, Count] = {}
    rate: Rate = 0.0
    """Errors by attempts."""
    lcb: Rate = 0.0
    """What the rate is at least, by Wilson's bound."""
    peers: Peers | None = None
    ejection: Ejection | None = None
    """What was decided on it."""
    interfaces: tuple[str, ...] = ()
    samples: tuple[AnomalySample, ...] = ()
    digest: str = ""
    """The snapshot in force at the reporter."""


class LinkCounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ledger of one edge, protocol and generation since this sidecar started.

    Totals only grow, so that a report which is lost or comes twice changes nothing. At all times
    `started = completed + failed + cancelled + cut + in_flight`.
    """

    side: Literal["out", "in"]
    app: str
    """The other end: who is called, or who calls; empty for a caller that shows no certificate."""
    unit: str = ""
    instance: str = ""
    """The endpoint that is called; callers are added up."""
    protocol: str
    """`http1`, `http2`, `bolt` or `tcp`."""
    generation: str = ""
    """What connections were dialled with: mode, peer, trust, own certificate. Empty inbound."""
    encrypted: bool = False
    opened: Count = 0
    """Connections."""
    handshakes_failed: Count = 0
    started: Count = 0
    """Requests, streams or sessions."""
    completed: Count = 0
    failed: Count = 0
    """By the other end."""
    cancelled: Count = 0
    """By who had asked."""
    cut: Count = 0
    """By this sidecar, while under way: the one number that has to stay 0."""
    in_flight: Count = 0
    closed_clean: Count = 0
    closed_by_peer: Count = 0
    closed_hard: Count = 0


class LinkState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sidecar is to its peers just now."""

    mode: TlsMode = "plaintext"
    """In force on its inbound side."""
    ready: bool = False
    """Does it hold a certificate that is valid and trusted, and did a handshake with itself
    succeed? Only then may it be advertised."""
    reason: str = ""
    """Why it is not ready, in words."""
    serial: str = ""
    issuer: str = ""
    """Of its leaf: serial number, and the issuer's SubjectKeyIdentifier, both in hex."""
    not_after: Seconds = 0.0
    trusts: tuple[str, ...] = ()
    """SubjectKeyIdentifiers (hex) of the roots in force here."""
    plain_connections: Count = 0
    tls_connections: Count = 0
    """Of callers, open now."""
    plain_requests: Count = 0
    """Taken in plaintext since it started."""
    plain_sources: tuple[str, ...] = ()
    """Addresses that callers in plaintext came from, the latest 32."""
    denied: Count = 0
    """Requests of callers who are not on the list, since it started."""
    fallen_back: Count = 0
    """Times that an edge went back to plaintext because handshakes failed."""
    plain_refused: Count = 0
    """Connections, and requests on those that overstayed, refused because they are in plaintext,
    since it started."""
