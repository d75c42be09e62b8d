"""The first line of a session whose bytes looked like no request, watched: is it one after all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.errors import BadMessage, malformed
from proxy.sniff import ends_as_request

if TYPE_CHECKING:
    from proxy.tcp.session import Session

LINE_LIMIT = 64 * 1024
"""Bytes of a first line that are looked at; no server takes a longer one for a request."""


class FirstLine(asyncio.Protocol):
    """The caller's side of a session until the end of its first line, then steps aside.

    What was told to be no request by its first bytes goes on as it comes, for nobody knows whether
    a binary protocol says more before it is answered. So a request whose method has an illegal byte
    would reach a careless server in pieces, round everything that is checked. It would not be one
    before its line ends with an HTTP version: that end is never passed on.
    """

    __slots__ = ("_first", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._session.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        session, first = self._session, self._first
        first += data
        is_request = ends_as_request(bytes(first)) if b"\n" in data else None
        if is_request:
            session.refuse(malformed(BadMessage("The method has an illegal byte.")))
            return
        session.data_received(data)
        near = session.near
        if (is_request is False or len(first) >= LINE_LIMIT) and not near.is_closing():
            near.set_protocol(session)

    def eof_received(self) -> bool:
        return self._session.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        self._session.connection_lost(error)

    def pause_writing(self) -> None:
        self._session.pause_writing()

    def resume_writing(self) -> None:
        self._session.resume_writing()
