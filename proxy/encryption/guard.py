"""Stands before a connection to an endpoint until the endpoint has proved to be who was dialled.

A handshake only shows that the peer holds a certificate of a trusted root, and every sidecar of the
mesh does. So whoever sits at an address that was an endpoint's a moment ago is told nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from proxy.encryption.dialling import Way, wrong_peer

if TYPE_CHECKING:
    from proxy.encryption.contexts import Session


class Guard(asyncio.Protocol):
    """Makes what it guards when the peer is the right one, and ends the connection if not."""

    __slots__ = ("_make", "_transport", "_way", "why")

    def __init__(self, make: Callable[[], asyncio.BaseProtocol], way: Way) -> None:
        self._make = make
        self._way = way
        self._transport: asyncio.BaseTransport | None = None
        self.why = ""
        """Why the peer is not told anything."""

    @property
    def has_ended(self) -> bool:
        """Is the connection no more?"""
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = cast("asyncio.Transport", transport)
        self._transport = transport
        session: Session = transport.get_extra_info("ssl_object")
        self.why = wrong_peer(self._way, session.uris())
        if self.why:
            peer.abort()
        else:
            guarded = self._make()
            peer.set_protocol(guarded)
            guarded.connection_made(peer)
