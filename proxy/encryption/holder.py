"""What this process can prove and whom it believes: the identity and the trust in force.

Both change while traffic runs: a renewal brings another identity, a snapshot another trust. New
connections are made with what holds then, open ones live on with what they were made with; who
cares for the difference watches.
"""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from proxy.contract.snapshot import MESH, Snapshot, Trust
from proxy.encryption.contexts import mesh_client, mesh_server

if TYPE_CHECKING:
    from proxy.encryption.identity import Identity

logger = logging.getLogger(__name__)


class NoIdentity(Exception):
    """There is no certificate to speak TLS with yet."""


class Holder:
    """One per process. Only the event loop's thread changes it."""

    def __init__(self) -> None:
        self.identity: Identity | None = None
        self.trust: Trust | None = None
        """What the snapshot says; None while it says nothing."""
        self._watchers: list[Callable[[], None]] = []
        self._clients: dict[str, ssl.SSLContext] = {}
        self._servers: dict[str, ssl.SSLContext] = {}
        self._issued_under: bool | None = None
        self._trusts: tuple[str, ...] | None = None

    def watch(self, changed: Callable[[], None]) -> None:
        """Call this after each change of the identity or the trust."""
        self._watchers.append(changed)

    def certify(self, identity: Identity | None) -> None:
        """Put an identity in force."""
        if identity is not self.identity:
            self.identity = identity
            self._changed()

    def follow(self, snapshot: Snapshot) -> None:
        """Put the trust of a snapshot in force; roots that cannot be read change nothing."""
        trust = snapshot.trust.get(MESH)
        if trust == self.trust:
            return
        try:
            if trust is not None:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
                    cadata="".join(trust.roots)
                )
        except (ssl.SSLError, ValueError) as error:
            logger.error(
                "The roots of the snapshot cannot be read, the ones before stay: %s", error
            )
            return
        self.trust = trust
        self._changed()

    # whom it believes

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots in force, in PEM: the snapshot's, or those the identity came with."""
        if self.trust is not None:
            return self.trust.roots
        return self.identity.roots if self.identity is not None else ()

    @property
    def domain(self) -> str:
        """The trust domain; empty while nobody has said it."""
        if self.trust is not None:
            return self.trust.domain
        return self.identity.who.trust_domain if self.identity is not None else ""

    @property
    def trust_mark(self) -> str:
        """Sixteen hex digits that are others when the roots in force are."""
        return hashlib.sha256("".join(self.roots).encode()).hexdigest()[:16]

    @property
    def trusts(self) -> tuple[str, ...]:
        """The SubjectKeyIdentifiers (hex) of the roots in force."""
        if self._trusts is None:
            from proxy.encryption.identity import subject_of

            self._trusts = tuple(subject_of(root) for root in self.roots)
        return self._trusts

    # what it can prove

    @property
    def serial(self) -> str:
        """Of the certificate, in hex; empty without one."""
        return self.identity.serial if self.identity is not None else ""

    def usable(self, now: datetime) -> bool:
        """Will peers that trust the same take the identity at `now`?"""
        return not self.why_unusable(now)

    def why_unusable(self, now: datetime) -> str:
        """Why they will not, in words; empty when they will."""
        identity = self.identity
        if identity is None:
            return "This sidecar has no certificate yet."
        if now >= identity.ends_at:
            return f"The certificate ended at {identity.ends_at.isoformat()}."
        if now < identity.begins_at:
            return f"The certificate begins at {identity.begins_at.isoformat()}: compare clocks."
        if self._issued_under is None:
            self._issued_under = identity.is_issued_under(self.roots)
        return "" if self._issued_under else "The certificate is of a root that is not trusted."

    # TLS

    def client_context(self, protocol: str) -> ssl.SSLContext:
        """To dial a peer of the mesh for `http1`, `http2`, `bolt` or `tcp`; raises NoIdentity.

        The peer must have a certificate of a root in force. Whether it is the peer that was meant
        says its URI, which is for the caller to compare after the handshake.
        """
        made = self._clients.get(protocol)
        if made is None:
            made = self._clients[protocol] = mesh_client(self._proven(), self.roots, protocol)
        return made

    def server_context(self, speaks: str) -> ssl.SSLContext:
        """To take in callers of the mesh at a port that `speaks` this or is `auto`; raises
        NoIdentity."""
        made = self._servers.get(speaks)
        if made is None:
            made = self._servers[speaks] = mesh_server(self._proven(), self.roots, speaks)
        return made

    def _proven(self) -> Identity:
        if self.identity is None:
            raise NoIdentity("This sidecar has no certificate yet.")
        return self.identity

    def _changed(self) -> None:
        self._clients = {}
        self._servers = {}
        self._issued_under = None
        self._trusts = None
        for changed in self._watchers:
            changed()
