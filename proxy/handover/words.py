"""What an old process and a new one say to each other, in this order.

    new: hello      old: offer (with the sockets), or refused
    new: ready      old: go (with what it passes on)
    new: taken      old: late, as long as it drains

The new process accepts nobody before `go`, the old one goes on accepting until `taken`: whichever
dies meanwhile, the other has every socket and every queue.
"""

from __future__ import annotations

import msgspec

from proxy.contract.reports import Ejection
from proxy.contract.session import Report
from proxy.encryption.carried import Carried

VERSION = 1
"""Of these words. `hello` and `refused` stay readable for every version."""


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="hello"):
    """A process wants to take over."""

    version: int


class Given(msgspec.Struct, frozen=True):
    """How many of the open files that come along belong to which listener."""

    name: str
    place: str
    count: int


class Offer(msgspec.Struct, frozen=True, kw_only=True, tag="offer"):
    """Every listening socket, in the order of `given`."""

    given: tuple[Given, ...]
    ready: bool
    """Does the old process have something to serve by? Then the new one must, too."""
    snapshot: bytes = b""
    """What is in force, as a whole push; empty without a console's snapshot."""


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """No; a sentence says what to do."""

    why: str


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag="ready"):
    """The new process could serve now."""


class Inheritance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What exactly one process may have: from now on the new one. Nothing of it touches a disk."""

    identity: Carried | None = None
    """So that no join token is needed: key and certificate, told only to a peer of the same user,
    who could read them from this process's memory anyway."""
    snapshot: bytes = b""
    """If it is another than was offered."""
    reports: tuple[Report, ...] = ()
    """What the console has no receipt for. Windows that were sent are left out, for they would be
    counted twice; events name themselves."""
    ejections: tuple[Ejection, ...] = ()
    """Endpoints that are left out, or were and return."""


class Go(msgspec.Struct, frozen=True, kw_only=True, tag="go"):
    """Accept, and say so."""

    inheritance: Inheritance


class Taken(msgspec.Struct, frozen=True, kw_only=True, tag="taken"):
    """The new process accepts: the old one may stop and drain."""


class Late(msgspec.Struct, frozen=True, kw_only=True, tag="late"):
    """What the old process still saw while it drained; its own numbers mean nothing any more."""

    report: Report


FromNew = Hello | Ready | Taken
FromOld = Offer | Refused | Go | Late
FROM_NEW: msgspec.msgpack.Decoder[FromNew] = msgspec.msgpack.Decoder(FromNew)
FROM_OLD: msgspec.msgpack.Decoder[FromOld] = msgspec.msgpack.Decoder(FromOld)
