"""Who calls, as the certificate of its sidecar says."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING

from proxy.contract.identity import InstanceIdentity, InvalidIdentity, parse_identity

if TYPE_CHECKING:
    from proxy.encryption.contexts import Session

REMEMBERED = 1024
"""Certificates whose reading is kept: a caller shows the same one on each of its connections."""


class WrongPeer(Exception):
    """The certificate is of a trusted root, and of nobody who may call; a sentence says why."""


class Peer:
    """One caller's certificate; all its connections share it."""

    __slots__ = ("between", "der", "ends_at", "log_part", "who")

    def __init__(
        self,
        who: InstanceIdentity,
        der: bytes,
        between: tuple[bytes, ...] = (),
        ends_at: float = inf,
    ) -> None:
        self.who = who
        self.der = der
        """The certificate, for who has to verify it again."""
        self.between = between
        """The authorities by which it was verified."""
        self.ends_at = ends_at
        """When it ends, in Unix time."""
        self.log_part = f',"downstream_peer_uri_san":"{who.uri}"'.encode()
        """What a line of the access log says of it: names need no escaping."""

    def __repr__(self) -> str:
        return f"<Peer {self.who.uri}>"


class Peers:
    """Reads certificates, each once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Peer] = {}

    def of(self, tls: Session, domain: str) -> Peer:
        """Who showed its certificate in this connection; raises WrongPeer for who is no instance
        of the domain."""
        der = tls.getpeercert(True)
        if der is None:
            raise WrongPeer("It showed no certificate.")
        peer = self._known.get(der)
        if peer is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            peer = self._known[der] = Peer(_who(tls.uris()), der, tls.between(), tls.ends_at())
        if peer.who.trust_domain != domain:
            raise WrongPeer(f"{peer.who.uri!r} is of another trust domain than {domain!r}.")
        return peer


def encryption_of(transport: asyncio.BaseTransport) -> tuple[bool, Peer | None]:
    """Is a connection encrypted, and who is at its other end?"""
    tls = transport.get_extra_info("ssl_object")
    return (False, None) if tls is None else (True, getattr(tls, "peer", None))


def _who(uris: list[str]) -> InstanceIdentity:
    if len(uris) != 1:
        raise WrongPeer(f"Its certificate has {len(uris)} URIs, and an identity is exactly one.")
    try:
        return parse_identity(uris[0])
    except InvalidIdentity as error:
        raise WrongPeer(str(error)) from None
