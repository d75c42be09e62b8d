"""What a parent and its worker say to each other, over a socket pair that nobody else has.

parent: setup (with the sockets)     worker: up, or failed
parent: accept                       worker: accepting
parent: swap, whenever it changes    worker: swapped
parent: identify, whenever it is renewed
parent: regard, whenever an endpoint is ejected or returns
parent: announce, drain              worker: gone
                                     worker: seen, each second
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from proxy.contract.reports import EdgeWindow
from proxy.encryption.carried import Carried
from proxy.failures import Failure
from proxy.handover.words import Given
from proxy.links.ledger import Told
from proxy.settings import MeshSettings, Settings, StandaloneSettings


class Swap(msgspec.Struct, frozen=True, kw_only=True, tag="swap"):
    """Put this snapshot in force."""

    v: int
    digest: str
    snapshot: bytes


class Setup(msgspec.Struct, frozen=True, kw_only=True, tag="setup"):
    """What a worker is to be."""

    mesh: bool
    settings: bytes
    given: tuple[Given, ...]
    swap: Swap
    identity: Carried | None = None
    """What a sidecar proves; for memory only, like everything that is said here."""


class Identify(msgspec.Struct, frozen=True, kw_only=True, tag="identify"):
    """Prove this from now on."""

    identity: Carried


class Accept(msgspec.Struct, frozen=True, tag="accept"):
    """Accept connections."""


class Regard(msgspec.Struct, frozen=True, kw_only=True, tag="regard"):
    """Endpoints (service, id, address) that have less than their whole share just now, and which;
    all others have it. Those that are `offered` get the next request that may be repeated."""

    shares: tuple[tuple[str, str, str, int], ...] = ()
    offered: tuple[tuple[str, str, str], ...] = ()


class Announce(msgspec.Struct, frozen=True, tag="announce"):
    """From now on every answer says that its connection ends."""


class Drain(msgspec.Struct, frozen=True, kw_only=True, tag="drain"):
    """Accept who waits and then nobody, finish what is under way, and end."""

    seconds: float


class Up(msgspec.Struct, frozen=True, tag="up"):
    """Everything is open."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag="failed"):
    """This cannot be; a sentence says what to change."""

    why: str


class Accepting(msgspec.Struct, frozen=True, tag="accepting"):
    """Connections are accepted."""


class Swapped(msgspec.Struct, frozen=True, kw_only=True, tag="swapped"):
    """Revision `v` is in force."""

    v: int


class Gone(msgspec.Struct, frozen=True, kw_only=True, tag="gone"):
    """Drained; so many connections were cut off."""

    cut: int


class DoorSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A listener: who is connected now, and what was added since the last time."""

    name: str
    plain: int = 0
    encrypted: int = 0
    accepted: int = 0
    turned_away: int = 0
    retries_refused: int = 0
    dropped: int = 0
    refusals: dict[str, int] = {}


class EndpointSeen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An endpoint: what was added to its counters, and how things stand now."""

    service: str
    id: str
    addr: str
    added: dict[str, int] = {}
    in_flight: int = 0
    opened: int = 0
    idle: int = 0
    waiting: int = 0
    encrypted: int = 0
    median_seconds: float = 0.0
    """About half of its answers took longer."""


class GateSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Who was not let in since the last time, and where callers in plaintext came from."""

    refused: dict[str, int]
    denied: dict[str, int]
    sources: tuple[str, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="seen"):
    """What a worker has counted since the last time."""

    windows: list[EdgeWindow] = []
    doors: list[DoorSeen] = []
    endpoints: list[EndpointSeen] = []
    failures: list[Failure] = []
    gate: GateSeen | None = None
    links: Told | None = None
    """The whole ledger, when it has changed."""
    late_seconds: float = 0.0


FromParent = Setup | Accept | Swap | Identify | Regard | Announce | Drain
FromWorker = Up | Failed | Accepting | Swapped | Gone | Seen
FROM_PARENT: msgspec.msgpack.Decoder[FromParent] = msgspec.msgpack.Decoder(FromParent)
FROM_WORKER: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def settings_said(settings: Settings) -> bytes:
    """Settings for a worker: no admin door, no handover, no workers of its own."""
    own = msgspec.structs.replace(settings, admin=None, handover=None, workers=1)
    return msgspec.msgpack.encode(own, enc_hook=str)


def settings_heard(raw: bytes, *, mesh: bool) -> Settings:
    """The same, read; raises msgspec.ValidationError."""
    shape: type[Settings] = MeshSettings if mesh else StandaloneSettings
    return msgspec.msgpack.decode(raw, type=shape, dec_hook=_path)


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(f"Settings hold a {kind}, which no worker can be told.")
