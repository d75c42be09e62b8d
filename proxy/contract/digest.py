"""One content, one name: sha256 over canonical JSON."""

from __future__ import annotations

import hashlib

import msgspec

from proxy.contract.snapshot import Snapshot

_canonical = msgspec.json.Encoder(order="sorted")


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces, defaults left out: equal values give equal bytes."""
    return _canonical.encode(value)


def digest_of(snapshot: Snapshot) -> str:
    """The snapshot's version: 64 hex digits."""
    return hashlib.sha256(canonical(snapshot)).hexdigest()
