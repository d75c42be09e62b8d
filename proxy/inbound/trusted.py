"""Tells whether the certificate that a caller was let in with holds still."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.encryption.holder import Holder
    from proxy.encryption.peers import Peer

REMEMBERED = 1024


class Trusted:
    """Judges certificates by the roots in force and the time, each once for the same roots."""

    def __init__(self, holder: Holder, clock: Callable[[], float] = time) -> None:
        self._holder = holder
        self._clock = clock
        """Unix time: certificates end by it."""
        self._mark = holder.trust_mark
        self._known: dict[bytes, bool] = {}

    def believe(self, peer: Peer) -> None:
        """Its handshake succeeded just now."""
        self._note(peer.der, True)

    def has_ended(self, peer: Peer) -> bool:
        """Is its certificate over?"""
        return self._clock() >= peer.ends_at

    def holds(self, peer: Peer) -> bool:
        """Would its certificate be accepted today?"""
        if peer.der not in self._known:
            from proxy.encryption.identity import is_der_issued_under

            holder = self._holder
            between = peer.between or (holder.identity.between if holder.identity else ())
            self._note(peer.der, is_der_issued_under(peer.der, holder.roots, between))
        return self._known[peer.der] and not self.has_ended(peer)

    def renewed(self) -> bool:
        """Are other roots in force than at the last look? Then everything is judged anew."""
        mark = self._holder.trust_mark
        if mark == self._mark:
            return False
        self._mark = mark
        self._known = {}
        return True

    def _note(self, der: bytes, trusted: bool) -> None:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[der] = trusted
