"""What is served: the identity and the trust in force, as named secrets with versions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from proxy.encryption.holder import Holder

LEAF, ROOTS = "default", "ROOTCA"
"""Names that every proxy's examples use; the SPIFFE ID of the instance and that of the trust domain
name the same two."""


class Certificate(msgspec.Struct, frozen=True):
    """A chain and its key, both PEM. It must not be shown or written."""

    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        return "<Certificate>"


class Roots(msgspec.Struct, frozen=True):
    """Whom to trust, PEM."""

    pem: bytes


class Secret(msgspec.Struct, frozen=True):
    """One secret under one name; its version is told by what of it is public."""

    name: str
    version: str
    content: Certificate | Roots


Secrets = Mapping[str, Secret]


def secrets_of(holder: Holder) -> Secrets:
    """Every secret by name; nothing before the instance has joined."""
    identity = holder.identity
    if identity is None:
        return {}
    carried = identity.carried()
    leaf = Certificate(carried.chain, carried.key)
    roots = Roots("".join(holder.roots).encode())
    found: dict[str, Secret] = {}
    for name in (LEAF, identity.who.uri):
        found[name] = Secret(name, _version(leaf.chain), leaf)
    for name in (ROOTS, f"spiffe://{holder.domain}"):
        found[name] = Secret(name, _version(roots.pem), roots)
    return found


def _version(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]
