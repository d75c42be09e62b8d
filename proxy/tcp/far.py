"""A session's other side: the connection to the endpoint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from proxy.tcp.session import Session


class Far(asyncio.Protocol):
    """The endpoint's side of a session."""

    __slots__ = ("_encrypted", "_near", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._near = session.near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._encrypted = transport.get_extra_info("ssl_object") is not None
        self._session.far_made(cast("asyncio.Transport", transport), self._encrypted)

    def data_received(self, data: bytes) -> None:
        session = self._session
        if not session.bytes_out:
            session.far_answered()
        session.bytes_out += len(data)
        self._near.write(data)

    def eof_received(self) -> bool:
        self._session.far_over()
        return not self._encrypted

    def connection_lost(self, error: Exception | None) -> None:
        self._session.far_lost(error)

    def pause_writing(self) -> None:
        self._session.far_full(True)

    def resume_writing(self) -> None:
        self._session.far_full(False)
