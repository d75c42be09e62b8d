"""The messages of the sidecars' channel (`meshconfig.v1`) and of enrolment (`meshenrol.v1`)."""

from __future__ import annotations

from typing import Literal

import msgspec

from proxy.contract.identity import Node
from proxy.contract.numbers import Count, Seconds
from proxy.contract.reports import AnomalyReport, EdgeWindow, Ejection, LinkCounts, LinkState

PROTO = 1
"""Major version; a peer that says another is refused."""
CHANNEL = "meshconfig.v1"
ENROLMENT = "meshenrol.v1"
FRAME_LIMIT_BYTES = 4 * 1024 * 1024
ROOTS_HEADER = "x-mesh-roots"
"""Of the enrolment door's handshake answer: base64 DER of each root, joined by commas. A joining
sidecar finds the root that its token pins among them before it says anything."""


class Have(msgspec.Struct, frozen=True):
    """The snapshot a sidecar already holds."""

    v: Count
    digest: str


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """Open connections of this sidecar, both directions, when it acked."""

    plain_conns: Count = 0
    tls_conns: Count = 0


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """First frame of a sidecar; registration and lease begin with it."""

    proto: int
    node: Node
    have: Have | None = None


class Push(msgspec.Struct, frozen=True, kw_only=True, tag="push", omit_defaults=True):
    """A snapshot: whole when `base` is None, else the difference to the one with that digest."""

    nonce: str
    v: Count
    digest: str
    proto: int = PROTO
    """Major version of the resources; one that the sidecar does not know is nacked with `proto`."""
    base: str | None = None
    set: dict[str, dict[str, msgspec.Raw]] = {}
    rm: tuple[tuple[str, str], ...] = ()


class Ack(msgspec.Struct, frozen=True, kw_only=True, tag="ack"):
    """Parsed and staged, or active. It never means "works": that is a gate's judgement."""

    nonce: str
    v: Count
    digest: str
    state: Literal["staged", "active"]
    gauges: Gauges = Gauges()


class Nack(msgspec.Struct, frozen=True, kw_only=True, tag="nack"):
    """Refused; the sidecar keeps `v_kept`. `code`: `inconsistent`, `invalid`, `digest`, `base`
    (send it whole), `proto`, `older` (than what is in force)."""

    nonce: str
    v_kept: Count
    path: str
    code: str
    msg: str


class Report(msgspec.Struct, kw_only=True, tag="report", omit_defaults=True):
    """Windows and anomalies; sent again until a receipt covers `seq`."""

    seq: Count
    window_start: Seconds
    window_end: Seconds
    up: list[EdgeWindow] = []
    events: list[AnomalyReport] = []
    ejections: tuple[Ejection, ...] | None = None
    """All that are active, each 15 s; None says nothing of them. `window_end` is when it was so."""


class Links(msgspec.Struct, frozen=True, kw_only=True, tag="links", omit_defaults=True):
    """State and ledger of this sidecar's links: the whole of them, whenever they changed and every
    two seconds at most. Nobody receipts it, as the next one says everything again."""

    at: Seconds
    state: LinkState = LinkState()
    edges: tuple[LinkCounts, ...] = ()
    """The latest 256; what fell out of it is in `forgotten`."""
    forgotten: LinkCounts | None = None
    """The sum of edges and generations that are no longer told one by one."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag="receipt"):
    """Every report up to and including `seq` of this boot is kept; forget them."""

    seq: Count


class Csr(msgspec.Struct, frozen=True, kw_only=True, tag="csr"):
    """A renewal: only the public key in it counts."""

    id: str
    pem: str


class Cert(msgspec.Struct, frozen=True, kw_only=True, tag="cert"):
    """A leaf and its chain, the roots to trust, and when the leaf ends (epoch seconds)."""

    id: str
    chain: str
    roots: str
    not_after: Seconds


class Bye(msgspec.Struct, frozen=True, kw_only=True, tag="bye", omit_defaults=True):
    """Either side leaves on purpose; come back after `retry_after_ms`, 0 means not at all."""

    retry_after_ms: Count = 0
    reason: str = ""


class Join(msgspec.Struct, frozen=True, kw_only=True, tag="join"):
    """Enrolment: a one-time token and a key's CSR for the node that the token names."""

    proto: int
    token: str
    node: Node
    pem: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """Enrolment or a frame was refused; `code` is stable, `msg` says what to do."""

    code: str
    msg: str


FromSidecar = Hello | Ack | Nack | Report | Links | Csr | Bye | Join
FromConsole = Push | Receipt | Cert | Bye | Refused
