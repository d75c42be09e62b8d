"""One content, one name: sha256 over canonical JSON.

The console takes the digest of the snapshot it compiled; a sidecar takes it of the resources as
they came, not as it understood them. So a field that this sidecar does not know yet still counts,
and a newer console does not read as a broken one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from proxy.contract.snapshot import Snapshot

_canonical = msgspec.json.Encoder(order="sorted")


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces, defaults left out: equal values give equal bytes."""
    return _canonical.encode(value)


def canonical_raw(raw: bytes) -> bytes:
    """JSON as it came, with sorted keys and no spaces; raises msgspec.DecodeError."""
    return _canonical.encode(msgspec.json.decode(raw))


def digest_of(snapshot: Snapshot) -> str:
    """The snapshot's version: 64 hex digits."""
    return hashlib.sha256(canonical(snapshot)).hexdigest()


def digest_of_parts(parts: Mapping[str, Mapping[str, bytes]]) -> str:
    """The same digest from canonical resources by kind and name; empty kinds do not count."""
    raw = {
        kind: {name: msgspec.Raw(part) for name, part in named.items()}
        for kind, named in parts.items()
        if named
    }
    return hashlib.sha256(_canonical.encode(raw)).hexdigest()
